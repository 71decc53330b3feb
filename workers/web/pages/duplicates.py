"""Photos that look the same, group after group: they are, or they are not."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Form, Query, Request
from starlette.responses import RedirectResponse, Response

from catalog import near_duplicates
from catalog.near_duplicates.decide import Verdict
from catalog.near_duplicates.groups import State
from workers.web.deps import Here, Reading, Writer
from workers.web.pages.review import TITLES

router = APIRouter()

GROUPS = 12
LARGEST = 2**63 - 1


@router.get("/duplicates")
def page(
    request: Request, web: Here, connection: Reading, after: Annotated[int, Query(ge=0, le=LARGEST)] = 0
) -> Response:
    """The next groups that nobody decided."""
    found = near_duplicates.groups(connection, State.OPEN, size=GROUPS, after=after)
    return web.templates.render(
        request,
        "duplicates.html.j2",
        titles=TITLES,
        kind=None,
        mode="one",
        groups=found.groups,
        after=found.after,
    )


@router.post("/duplicates")
def decide(
    request: Request,
    web: Here,
    writer: Writer,
    group: Annotated[int, Form(ge=1, le=LARGEST)],
    decision: Annotated[Literal["accept", "reject", "withdraw"], Form()],
    photos: Annotated[str, Form(pattern=r"^[0-9]{1,18}( [0-9]{1,18})*$", max_length=100_000)],
) -> Response:
    """A word on the pairs of `photos`, those that were shown. For a script the answer is empty. Raises UnknownGroup."""
    with web.runtime.engine.begin() as changing:
        if decision == "withdraw":
            near_duplicates.take_back(changing, group, writer.name)
        else:
            verdict: Verdict = "accepted" if decision == "accept" else "rejected"
            seen = [int(photo) for photo in photos.split()]
            near_duplicates.decide(changing, group, verdict, writer.name, seen=seen)
    if "text/html" in request.headers.get("accept", ""):
        return RedirectResponse("/duplicates", 303)
    return Response(status_code=204)
