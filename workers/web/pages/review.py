"""The review: products that are most worth a look, one at a time with keys, or many of a label at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import sqlalchemy as sa
from fastapi import APIRouter, Form, Query, Request
from starlette.responses import RedirectResponse, Response

from catalog import review, showing
from catalog.review import Kind, ReviewItem
from workers.web.deps import Here, Plain, Reading, Short, Writer
from workers.web.saying import Say, decisions
from workers.web.state import Web

router = APIRouter()

ITEMS, MANY = 24, 60
KEYS = 9
"""Labels that are chosen by a digit."""
TITLES = {
    Kind.UNCERTAIN: "Uncertain",
    Kind.DISAGREEING: "Photos disagree",
    Kind.MISMATCH: "Feed against photo",
}
MOST_PRODUCTS = 200

Mode = Literal["one", "many"]
Products = Annotated[list[Short], Form(max_length=MOST_PRODUCTS)]


@router.get("/review")
def page(
    request: Request,
    web: Here,
    connection: Reading,
    kind: Kind = Kind.UNCERTAIN,
    mode: Mode = "one",
    after: Annotated[Plain | None, Query(max_length=2000)] = None,
) -> Response:
    """The next items of a queue."""
    return _shown(request, web, connection, kind, mode, after or None)


@router.post("/review")
def decide(
    web: Here,
    request: Request,
    writer: Writer,
    sku: Annotated[Short, Form()],
    decision: Annotated[Say | Literal["dismiss"], Form()] = "relabel",  # as the buttons of labels have it
    label: Annotated[Short, Form()] = "",
    to: Annotated[Short, Form()] = "",
    kind: Annotated[Kind, Form()] = Kind.UNCERTAIN,
) -> Response:
    """A word on one product. For a script the answer is empty. Raises UnknownSku, UnknownLabel, BadDecision."""
    with web.runtime.engine.begin() as changing:
        if decision == "dismiss":
            review.dismiss(changing, sku, writer.name)
        else:
            review.decide(changing, decisions(sku, label, decision, to), writer.name)
    if "text/html" in request.headers.get("accept", ""):
        return RedirectResponse(f"/review?kind={kind}", 303)
    return Response(status_code=204)


@router.post("/review/many")
def decide_many(
    web: Here,
    request: Request,
    writer: Writer,
    label: Annotated[Short, Form()],
    decision: Annotated[Literal["accept", "reject", "withdraw"], Form()],
    kind: Annotated[Kind, Form()],
    after: Annotated[Plain, Form(max_length=2000)] = "",
    sku: Products = [],  # noqa: B006 - FastAPI copies it
) -> Response:
    """The same word on the same label of many products; the page that follows offers to take it back."""
    said = [one for product in dict.fromkeys(sku) for one in decisions(product, label, decision)]
    with web.runtime.engine.begin() as changing:
        review.decide(changing, said, writer.name)
    done = {"decision": decision, "label": label, "skus": [one.sku for one in said]}
    with web.engine.connect() as connection:
        return _shown(request, web, connection, kind, "many", after or None, done)


def _shown(
    request: Request,
    web: Web,
    connection: sa.Connection,
    kind: Kind,
    mode: Mode,
    after: str | None,
    done: dict[str, Any] | None = None,
) -> Response:
    found = review.queue(connection, kind, size=ITEMS if mode == "one" else MANY, after=after)
    of = showing.labels_of_classifiers(connection)
    return web.templates.render(
        request,
        f"review_{mode}.html.j2",
        kind=kind,
        mode=mode,
        titles=TITLES,
        items=[(item, _others(item, of.get(item.model, ()))) for item in found.items],
        groups=_by_label(found.items),
        after=found.after,
        done=done,
        behind=after or "",
    )


def _others(item: ReviewItem, labels: Sequence[str]) -> list[str]:
    """What else it may be: the likeliest first, as many as there are digits."""
    likely = [one.label for one in item.alternatives]
    every = dict.fromkeys((*likely, *labels))
    return [label for label in every if label != item.label][:KEYS]


def _by_label(items: Sequence[ReviewItem]) -> list[tuple[str, list[ReviewItem]]]:
    """The label with most items first. Items without a label cannot be decided together."""
    groups: dict[str, list[ReviewItem]] = defaultdict(list)
    for item in items:
        if item.label is not None:
            groups[item.label].append(item)
    return sorted(groups.items(), key=lambda group: -len(group[1]))
