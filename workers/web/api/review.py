"""`/review`, `/why` and `/decisions`: what is worth a person's look, why a label is there, what people say of it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Query
from pydantic import BaseModel

from catalog import review as catalog_review
from catalog.review import Decided, Kind, ReviewPage, Why
from workers.web.api.asking import After
from workers.web.deps import Here, Plain, Reading, Short, Writer
from workers.web.saying import Say, decisions

router = APIRouter(tags=["review"])

MOST = 1000


class Decision(BaseModel):
    """The product has the label, or not, or has the label `to` instead; `withdraw` takes back what was said."""

    sku: Short
    label: Short
    decision: Say
    to: Short = ""


class Dismissal(BaseModel):
    """Feed and photos of the product may differ, in what `model` says or in all."""

    sku: Short
    model: Short | None = None


class Dismissed(BaseModel):
    """How many differences were let stand."""

    mismatches: int


@router.get("/why")
def why(
    connection: Reading,
    sku: Annotated[Plain, Query(max_length=1000)],
    label: Annotated[Plain, Query(max_length=1000)],
) -> Why:
    """All that decides whether the product shows the label: photos, model, score, cut-off, mapping, people."""
    return catalog_review.why(connection, sku, label)


@router.get("/review")
def queue(
    connection: Reading,
    kind: Kind = Kind.UNCERTAIN,
    size: Annotated[int, Query(ge=1, le=100)] = 24,
    after: After = None,
) -> ReviewPage:
    """Products that are most worth a look. What is decided meanwhile falls out and moves nothing else."""
    return catalog_review.queue(connection, kind, size=size, after=after or None)


@router.post("/decisions")
def decide(told: Annotated[list[Decision], Body(max_length=MOST)], web: Here, caller: Writer) -> Decided:
    """Write down what people say, all of it or nothing. The author is the name of the key."""
    every = [said for one in told for said in decisions(one.sku, one.label, one.decision, one.to)]
    with web.runtime.engine.begin() as connection:
        return catalog_review.decide(connection, every, caller.name)


@router.post("/review/dismiss")
def dismiss(told: Dismissal, web: Here, caller: Writer) -> Dismissed:
    """Let differences between feed and photos stand, until either says something else."""
    with web.runtime.engine.begin() as connection:
        count = catalog_review.dismiss(connection, told.sku, caller.name, model=told.model)
    return Dismissed(mismatches=count)
