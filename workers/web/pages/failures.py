"""What failed, by cause, with what to do about it and the photos."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, Query, Request
from starlette.responses import RedirectResponse, Response

from catalog import failures as catalog_failures
from catalog.advice import advice
from catalog.failures import FailedPhoto, Selection
from catalog.ledger import WORKER_LOST
from workers import quarantine
from workers.pages.failures import described
from workers.web.deps import Here, Plain, Reading, writer

router = APIRouter()

PHOTOS = 18
"""Of each cause, the newest."""
Job = Annotated[int | None, Query(ge=1, le=2**63 - 1)]
Code = Annotated[Plain | None, Query(max_length=100)]


@router.get("/failures")
def failures(
    request: Request,
    web: Here,
    connection: Reading,
    job: Job = None,
    code: Code = None,
    reopened: Annotated[int | None, Query(ge=0, le=2**63 - 1)] = None,
) -> Response:
    """All failures, or those of a job or a cause."""
    selection = Selection(job, code or None)
    groups = catalog_failures.grouped(connection, selection)
    photos = catalog_failures.newest(connection, selection, PHOTOS)
    return web.templates.render(
        request,
        "failures.html.j2",
        total=sum(group.failures for group in groups),
        selection=described(selection),
        job=job,
        reopened=reopened,
        groups=[
            {
                "group": group,
                "advice": advice(group.code),
                "commands": quarantine.commands(group, selection),
                "photos": [_tile(photo) for photo in photos.get(group.code, ())],
            }
            for group in groups
        ],
    )


@router.post("/failures", dependencies=[Depends(writer)])
def retry(
    web: Here,
    code: Annotated[Plain, Form(max_length=100)],
    job: Annotated[int | None, Form(ge=1, le=2**63 - 1)] = None,
) -> Response:
    """Try the photos of a cause again. Raises UnknownJob, JobInOtherState."""
    reopened = quarantine.retry(web.runtime, Selection(job, code))
    of = {"job": job} if job is not None else {}
    return RedirectResponse(f"/failures?{urlencode({**of, 'reopened': reopened})}", 303)


def _tile(photo: FailedPhoto) -> dict[str, Any]:
    """A photo that its workers may have died of is not opened here either."""
    note = "no photo was taken in"
    if photo.code == WORKER_LOST:
        note = "not opened here: it may be what its workers died of"
    shown = photo.image_id is not None and photo.code != WORKER_LOST
    return {"photo": photo, "shown": shown, "note": note}
