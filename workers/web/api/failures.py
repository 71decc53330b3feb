"""`/failures`: what did not become rows, by cause; and trying it again."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from catalog import failures as catalog_failures
from catalog import jobs, versions
from catalog.advice import advice
from catalog.failures import FailedPhoto, Group, Selection
from workers import quarantine
from workers.web.deps import Here, Plain, Reading, Short, Writer

router = APIRouter(prefix="/failures", tags=["failures"])
MOST = 100


class Asked(BaseModel):
    """Which failures are meant; without any of these, all. `where` are conditions on products, as `price<20`."""

    job: int | None = Field(None, ge=1, le=2**63 - 1)
    code: Short | None = None
    model: Short | None = None
    where: list[Annotated[Plain, Field(max_length=1000)]] = Field(default=[], max_length=20)

    def selection(self, model: str | None) -> Selection:
        return Selection(self.job, self.code, model, tuple(self.where))


class Cause(BaseModel):
    """All failures of one code, what to do about them, and the newest of them."""

    group: Group
    advice: str
    newest: list[FailedPhoto]


class Reopened(BaseModel):
    """How many items are tried again: photos, each for one model."""

    items: int


@router.get("")
def list_failures(
    connection: Reading,
    asked: Annotated[Asked, Query()],
    newest: Annotated[int, Query(ge=0, le=MOST, description="Photos of a code, the newest")] = 5,
) -> list[Cause]:
    """The commonest code first."""
    if asked.job is not None:
        jobs.progress(connection, job_id=asked.job)
    key = versions.find(connection, asked.model).key if asked.model else None
    selection = asked.selection(key)
    photos = catalog_failures.newest(connection, selection, newest)
    return [
        Cause(group=group, advice=advice(group.code), newest=photos.get(group.code, []))
        for group in catalog_failures.grouped(connection, selection)
    ]


@router.post("/retry")
def retry(asked: Asked, web: Here, _: Writer) -> Reopened:
    """Try what is selected again, once what stood in its way is mended."""
    return Reopened(items=quarantine.retry(web.runtime, asked.selection(asked.model)))
