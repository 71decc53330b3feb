"""`/photos` and `/masks`. A photo's bytes never change, so browsers keep what they have seen."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Query, Request
from starlette.responses import Response

from catalog.errors import ObjectMissing
from models.errors import PhotoError
from workers.web.deps import Here, Number, Plain
from workers.web.photos import finding, making
from workers.web.photos.finding import Stored
from workers.web.photos.sides import SIDES
from workers.web.state import Web

router = APIRouter()

_FOR_EVER = "private, max-age=31536000, immutable"
_AN_HOUR = "private, max-age=3600"  # a version may be run again over the same photo
_Make = Callable[[Stored], tuple[bytes, str]]

Side = Annotated[int, Query(description="Pixels of the longer side")]
Model = Annotated[Plain, Path(max_length=220)]


@router.get("/photos/{image_id}")
async def whole(image_id: Number, request: Request, web: Here) -> Response:
    """A photo in its full size, without the metadata of its file."""
    return await _answer(
        request, web, image_id, "whole", lambda photo: (web.pictures.whole(photo), "image/jpeg")
    )


@router.get("/photos/{image_id}/thumb/{side}")
async def thumb(image_id: Number, side: int, request: Request, web: Here) -> Response:
    """A photo made small."""
    _check(side)
    return await _answer(
        request,
        web,
        image_id,
        f"thumb-{side}",
        lambda photo: (web.pictures.thumbnail(photo, side), "image/webp"),
    )


@router.get("/photos/{image_id}/cutout")
async def cutout(
    image_id: Number, request: Request, web: Here, side: Side = 640, model: Plain | None = None
) -> Response:
    """What the mask of `model`, or of one that serves, shows of the photo."""
    _check(side)
    return await _masked(
        request, web, image_id, model, lambda photo: (web.pictures.cutout(photo, side), "image/webp")
    )


@router.get("/masks/{image_id}/{model}")
async def mask(image_id: Number, model: Model, request: Request, web: Here, side: Side = 640) -> Response:
    """A mask to lay over the photo; `model` is NAME@VERSION, or NAME for the version that serves."""
    _check(side)
    return await _masked(
        request, web, image_id, model, lambda photo: (web.pictures.overlay(photo, side), "image/png")
    )


async def _answer(request: Request, web: Web, image_id: int, form: str, make: _Make) -> Response:
    def work() -> Response:
        with web.engine.connect() as connection:
            photo = finding.photo(connection, image_id)
        headers = {"cache-control": _FOR_EVER, "etag": f'"{photo.sha256}-{form}"'}
        if headers["etag"] in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return _picture(make(photo), headers)

    return await _or_placeholder(request, web, work)


async def _masked(request: Request, web: Web, image_id: int, model: str | None, make: _Make) -> Response:
    def work() -> Response:
        with web.engine.connect() as connection:
            photo = finding.masked(connection, image_id, model)
        return _picture(make(photo), {"cache-control": _AN_HOUR})

    return await _or_placeholder(request, web, work)


async def _or_placeholder(request: Request, web: Web, work: Callable[[], Response]) -> Response:
    """Where a page shows a photo that is gone or damaged meanwhile, it shows that there is none."""
    try:
        return await web.pictures.run(work)
    except (HTTPException, ObjectMissing, PhotoError) as error:
        status = error.status_code if isinstance(error, HTTPException) else 404
        if not request.headers.get("accept", "").startswith("image/"):
            if isinstance(error, PhotoError):
                raise HTTPException(404, f"the photo cannot be shown: {error.sentence}") from None
            raise
        return Response(_placeholder(), status, {"cache-control": "no-store"}, "image/png")


def _picture(made: tuple[bytes, str], headers: dict[str, str]) -> Response:
    data, media_type = made
    # Opened by itself, a file of strangers runs nothing.
    return Response(
        data,
        headers={**headers, "content-security-policy": "default-src 'none'; sandbox"},
        media_type=media_type,
    )


def _check(side: int) -> None:
    if side not in SIDES:
        raise HTTPException(404, f"photos are shown {', '.join(map(str, SIDES))} pixels wide or high")


@cache
def _placeholder() -> bytes:
    return making.placeholder()
