"""What people say to a product's tags, right on its page, and why a tag is there."""

from __future__ import annotations

from typing import Annotated

import sqlalchemy as sa
from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from catalog import review, showing
from catalog.errors import BadDecision, UnknownLabel
from workers.web.deps import Here, Plain, Reading, Short, Sku, Writer
from workers.web.saying import Say, decisions
from workers.web.state import Web
from workers.web.wording import product_url

router = APIRouter()

Label = Annotated[Plain, Form(max_length=1000)]


@router.get("/why")
def why(request: Request, sku: Short, label: Short, web: Here, connection: Reading) -> Response:
    """Photo, model, score, threshold, mapping and person behind a tag."""
    found = review.why(connection, sku, label)
    page = "because.html.j2" if "hx-request" in request.headers else "why.html.j2"
    return web.templates.render(request, page, why=found, sku=sku, label=label)


@router.post("/products/{sku:path}/tags")
def say(
    request: Request,
    sku: Sku,
    web: Here,
    writer: Writer,
    label: Label,
    decision: Annotated[Say, Form()],
    to: Label = "",
) -> Response:
    """Accept or reject a label, put another in its place, or take back what was said of it."""
    trouble = ""
    try:
        with web.runtime.engine.begin() as changing:
            review.decide(changing, decisions(sku, label, decision, to), writer.name)
    except (UnknownLabel, BadDecision) as error:
        trouble = str(error)
    if "hx-request" not in request.headers and not trouble:
        return RedirectResponse(product_url(sku), 303)
    with web.engine.connect() as connection:
        return _tags(request, web, connection, sku, trouble)


def _tags(request: Request, web: Web, connection: sa.Connection, sku: str, trouble: str) -> Response:
    found = showing.product(connection, sku)
    return web.templates.render(
        request,
        "tags.html.j2",
        product=found,
        tags=found.tags,
        labels=showing.labels(connection),
        trouble=trouble,
    )
