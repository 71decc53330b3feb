"""Jobs as they go on, and what one does to them."""

from __future__ import annotations

from typing import Annotated, Final

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Form, Request
from starlette.responses import RedirectResponse, Response

from catalog import holds
from catalog import jobs as catalog_jobs
from catalog.errors import JobInOtherState
from catalog.holds import Action
from catalog.jobs import WITHOUT_ITEMS, Progress
from workers import holding
from workers.web.deps import Here, Number, Reading, writer
from workers.web.state import Web
from workers.web.wording import duration

router = APIRouter()

SHOWN = 50
_TEXTS: Final[dict[Action, str]] = {"pause": "Pause", "resume": "Resume", "cancel": "Cancel"}


@router.get("/jobs")
def jobs(request: Request, web: Here, connection: Reading) -> Response:
    """The newest jobs; asked again by the page itself while any goes on."""
    found = catalog_jobs.progress(connection, limit=SHOWN)
    return web.templates.render(request, "jobs.html.j2", jobs=found, live=any(job.goes_on for job in found))


@router.get("/jobs/{number}")
def job(request: Request, number: Number, web: Here, connection: Reading) -> Response:
    """One job, likewise."""
    return _shown(request, web, connection, number)


@router.post("/jobs/{number}", dependencies=[Depends(writer)])
def act(request: Request, number: Number, web: Here, action: Annotated[Action, Form()]) -> Response:
    """Pause, resume or cancel it."""
    trouble = ""
    try:
        holding.act(web.runtime, number, action)
    except JobInOtherState as error:
        trouble = str(error)
    if not trouble and "hx-request" not in request.headers:
        return RedirectResponse(f"/jobs/{number}", 303)
    with web.engine.connect() as connection:
        return _shown(request, web, connection, number, trouble)


def _shown(request: Request, web: Web, connection: sa.Connection, number: int, trouble: str = "") -> Response:
    (found,) = catalog_jobs.progress(connection, job_id=number)
    return web.templates.render(
        request,
        "job.html.j2",
        job=found,
        codes=catalog_jobs.failure_codes(connection, number),
        outcome=_outcome(found),
        actions=[(action, _TEXTS[action]) for action in _TEXTS if _fits(found, action)],
        trouble=trouble,
    )


def _outcome(found: Progress) -> str:
    """What came of a job that is over; empty while it goes on."""
    if found.state not in ("finished", "cancelled", "failed") or (found.error and not found.items):
        return ""
    if found.kind in WITHOUT_ITEMS:
        return f"It is {found.state}."
    if not found.items:
        return "It had nothing to look at: no photo was new, or all had been seen by these models."
    took = (found.last_finished_at or found.created_at) - found.created_at
    failed = f", {found.quarantined:,} failed" if found.quarantined else ""
    given_up = f", {found.cancelled:,} were given up" if found.cancelled else ""
    return f"{found.done:,} of {found.items:,} items are done{failed}{given_up}, in {duration(took.total_seconds())}."


def _fits(found: Progress, action: Action) -> bool:
    if found.kind in WITHOUT_ITEMS and not (found.kind == "export" and action == "cancel"):
        return False
    return found.state in holds.ACTIONS[action][0]
