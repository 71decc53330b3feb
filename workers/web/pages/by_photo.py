"""A photo to search by: taken in, kept for an hour in Redis, and nowhere else. Its address holds its name, no more."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from io import BytesIO
from typing import Annotated

from fastapi import APIRouter, File, HTTPException, UploadFile
from PIL import Image
from redis.exceptions import RedisError
from starlette.responses import RedirectResponse, Response

from catalog.errors import BadQuery
from catalog.search.meaning import Vector
from models import predictions
from models.decode import decode
from models.photo import Sides
from workers.web.deps import Here
from workers.web.pages.asked import Box
from workers.web.state import Web

router = APIRouter()

SECONDS = 3600
SIDE = 1024
"""Pixels of the longer side: embedders look at fewer."""
Seen = tuple[int, Vector]
"""The embedder's version id, and a photo as its unit vector."""

_TOKEN = re.compile(r"[A-Za-z0-9_-]{22}")


@dataclass(frozen=True, slots=True)
class Query:
    """The photo that is searched by, as small as it is kept."""

    token: str
    data: bytes
    width: int
    height: int

    @property
    def url(self) -> str:
        return f"/by-photo/{self.token}"

    def embedded(self, web: Web, box: Box | None) -> Seen:
        """As `catalog.search.near` takes it; of `box` alone, where one is drawn. Raises BadBox."""
        return web.seeing.embed_photo(self.data, box and predictions.Box(*box))


@router.post("/by-photo")
def take(web: Here, file: Annotated[UploadFile, File()]) -> Response:
    """Keep the photo for a while, and lead to what looks like it. Raises PhotoError."""
    data = file.file.read()
    pixels = decode(data, sides=Sides(1, SIDE), limits=web.runtime.limits).pixels
    photo = Image.fromarray(pixels)
    photo.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    made = BytesIO()
    photo.save(made, "WEBP", quality=90, method=3)
    token = secrets.token_urlsafe(16)
    try:
        web.redis.set(_key(web, token), made.getvalue(), ex=SECONDS)
    except RedisError:
        raise HTTPException(503, "photos to search by cannot be kept just now; try again soon") from None
    return RedirectResponse(f"/?photo={token}", 303)


@router.get("/by-photo/{token}")
def show(web: Here, token: str) -> Response:
    """The photo itself."""
    found = looked_at(web, token)
    headers = {
        "cache-control": f"private, max-age={SECONDS}",
        "content-security-policy": "default-src 'none'; sandbox",
    }
    return Response(found.data, headers=headers, media_type="image/webp")


def looked_at(web: Web, token: str) -> Query:
    """The photo of this name. Raises BadQuery where there is none any more."""
    try:
        data = web.redis.get(_key(web, token)) if _TOKEN.fullmatch(token) else None
    except RedisError:
        data = None
    if not isinstance(data, bytes):
        raise BadQuery("the photo that was searched by is kept for an hour, and is gone: choose it again")
    with Image.open(BytesIO(data)) as photo:
        return Query(token, data, *photo.size)


def _key(web: Web, token: str) -> str:
    return f"{web.runtime.settings.queue}:by-photo:{token}"
