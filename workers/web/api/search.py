"""`/search`, `/facets` and `/similar`: products by words, by a photo, and like another one."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, File, Form, HTTPException, UploadFile

from catalog import search as catalog_search
from catalog.search.hits import Facet, Page
from models.predictions import Box
from workers.web.api.asking import After, Facets, Size, Words
from workers.web.deps import Here, Reading, Sku

router = APIRouter(tags=["search"])

Pixel = Annotated[float | None, Form(ge=0, le=1_000_000, allow_inf_nan=False)]


@router.get("/search")
def search(
    connection: Reading, web: Here, chosen: Facets, q: Words = "", size: Size = 24, after: After = None
) -> Page:
    """Products by words: in their texts, their tags, and by what they mean."""
    return catalog_search.find(connection, q, chosen, meaning=web.meaning, size=size, after=after or None)


@router.get("/facets")
def facets(connection: Reading, web: Here, chosen: Facets, q: Words = "") -> list[Facet]:
    """What a search for these words can be narrowed to, and how many products that shows."""
    return list(catalog_search.facets(connection, q, chosen, meaning=web.meaning))


@router.get("/similar/{sku:path}")
def similar(sku: Sku, connection: Reading, chosen: Facets, size: Size = 24, after: After = None) -> Page:
    """Products whose photos look like those of this one."""
    return catalog_search.similar(connection, sku, chosen, size=size, after=after or None)


@router.post("/search/photo")
def by_photo(
    file: Annotated[UploadFile, File(description="JPEG, PNG, WebP, GIF, BMP, TIFF or AVIF")],
    web: Here,
    chosen: Facets,
    left: Pixel = None,
    top: Pixel = None,
    right: Pixel = None,
    bottom: Pixel = None,
    size: Size = 24,
    after: After = None,
) -> Page:
    """Products that look like a photo, or like what a box within it shows, in pixels of the photo. It is not kept."""
    box = _box(left, top, right, bottom)
    with web.pictures.decoding:
        version_id, vector = web.seeing.embed_photo(file.file.read(), box)
    with web.engine.connect() as connection:  # not before: the photo is looked at behind others
        return catalog_search.near(connection, version_id, vector, chosen, size=size, after=after or None)


def _box(*sides: float | None) -> Box | None:
    given = [side for side in sides if side is not None]
    if not given:
        return None
    if len(given) < len(sides):
        raise HTTPException(422, "a box has four sides: left, top, right and bottom")
    return Box(*given)
