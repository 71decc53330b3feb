"""One product: photo, boxes and masks, colours, tags, what is similar and what goes with it."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, HTTPException, Query, Request
from starlette.responses import Response

from catalog import doubts, failures, recommend, search, showing
from catalog.search.hits import Chosen
from catalog.showing import Photo, Product
from workers.web.deps import Here, Reading, Sku
from workers.web.pages.drawing import drawing

router = APIRouter()

BESIDE = 12
"""Products shown as similar, and as going with it."""


@router.get("/products/{sku:path}")
def product(
    request: Request,
    sku: Sku,
    web: Here,
    connection: Reading,
    photo: Annotated[int | None, Query(ge=1, le=2**63 - 1)] = None,
    view: Literal["photo", "cutout"] = "photo",
) -> Response:
    """The page of a product; of its photos `photo` is in hand, else the first."""
    found = showing.product(connection, sku)
    shown = _in_hand(found, photo)
    faults = {one.image_id: one for one in failures.of_product(connection, found.product_id)}
    return web.templates.render(
        request,
        "product.html.j2",
        product=found,
        photos=found.photos,
        photo=drawing(shown, _alt(found)) if shown else None,
        fault=faults.get(shown.image_id) if shown else None,
        facts=shown.facts if shown else None,
        cut=view == "cutout" and bool(shown and shown.segments),
        tags=found.tags,
        labels=showing.labels(connection),
        verdicts=doubts.verdicts(connection, found.product_id),
        mismatches=doubts.mismatches(connection, found.product_id),
        similar=search.similar(connection, sku, Chosen(), size=BESIDE, after=None).hits,
        goes_with=recommend.goes_with(connection, sku, size=BESIDE),
        trouble="",
    )


def _in_hand(found: Product, image_id: int | None) -> Photo | None:
    if image_id is None:
        return found.photos[0] if found.photos else None
    for photo in found.photos:
        if photo.image_id == image_id:
            return photo
    raise HTTPException(
        404, f"photo {image_id} does not show {found.sku}; it may have been replaced meanwhile"
    )


def _alt(found: Product) -> str:
    name = found.title or found.sku
    tags = ", ".join(tag.label for tag in found.tags if tag.counts)
    return f"{name}: {tags}" if tags else f"Photo of {name}"
