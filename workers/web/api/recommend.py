"""`/recommend`: for a shopper, and beside a product; and what shoppers did."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Body, Path, Query
from pydantic import BaseModel

from catalog import interactions, recommend
from catalog.search.hits import Hit
from workers.web.deps import Here, Plain, Reading, Short, Sku, Writer

router = APIRouter(tags=["recommend"])

MOST = 10_000
Size = Annotated[int, Query(ge=1, le=100)]


class Interaction(BaseModel):
    """`kind` is view, cart or purchase; a time without a zone is UTC."""

    shopper: Short
    sku: Short
    kind: Short
    happened_at: Short | datetime


class Refused(BaseModel):
    """`place` is that in the request, which begins with 0."""

    place: int
    sku: str | None
    code: str
    reason: str


class Recorded(BaseModel):
    """`known` were told before, or twice: telling again changes nothing."""

    new: int
    known: int
    refused: list[Refused]


@router.get("/recommend/shopper/{shopper:path}")
def for_shopper(
    shopper: Annotated[Plain, Path(max_length=1000)], connection: Reading, size: Size = 20
) -> list[Hit]:
    """What to show this shopper, by what they did; what is popular where nothing is known of them."""
    return list(recommend.for_shopper(connection, shopper, size=size))


@router.get("/recommend/product/{sku:path}")
def goes_with(sku: Sku, connection: Reading, size: Size = 12) -> list[Hit]:
    """What goes with this product: of other categories, bought by the same shoppers."""
    return list(recommend.goes_with(connection, sku, size=size))


@router.post("/interactions")
def record(told: Annotated[list[Interaction], Body(max_length=MOST)], web: Here, _: Writer) -> Recorded:
    """What shoppers did. Those that cannot be taken in are told, with why; the others are."""
    read = [
        interactions.read(place, one.shopper, one.sku, one.kind, one.happened_at)
        for place, one in enumerate(told)
    ]
    with web.runtime.engine.begin() as connection:
        done = interactions.record(connection, read)
    refused = [
        Refused(place=error.line, sku=error.sku, code=error.code, reason=error.reason)
        for error in done.refused
    ]
    return Recorded(new=done.new, known=done.known, refused=refused)
