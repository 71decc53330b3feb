"""A photo to search by: taken in, kept for an hour in Redis, and nowhere else. Its address holds its name, no more."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from io import BytesIO

from fastapi import APIRouter, HTTPException
from PIL import Image
from redis.exceptions import RedisError
from starlette.responses import Response

from catalog.errors import BadQuery
from catalog.search.meaning import Vector
from models import predictions
from workers.web.deps import Here
from workers.web.keys import Caller
from workers.web.pages.asked import Box
from workers.web.photos.making import thumbnail
from workers.web.state import Web

router = APIRouter()

SECONDS = 3600
KEPT = 50
"""Photos of one caller."""
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


@router.get("/by-photo/{token}")
def show(web: Here, token: str) -> Response:
    """The photo itself."""
    found = looked_at(web, token)
    headers = {
        "cache-control": f"private, max-age={SECONDS}",
        "content-security-policy": "default-src 'none'; sandbox",
    }
    return Response(found.data, headers=headers, media_type="image/webp")


def take(web: Web, caller: Caller, data: bytes) -> str:
    """Keep the photo for a while; its name. Raises PhotoError."""
    with web.pictures.decoding:
        small = thumbnail(data, SIDE, web.runtime.limits)
    token = secrets.token_urlsafe(16)
    try:
        _keep(web, caller, token, small)
    except RedisError:
        raise HTTPException(503, "photos to search by cannot be kept just now; try again soon") from None
    return token


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


def _keep(web: Web, caller: Caller, token: str, data: bytes) -> None:
    """The oldest of the caller's make room: they are in the Redis that the queues are in."""
    of_caller = f"{web.runtime.settings.queue}:by-photo-of:{caller.name}"
    with web.redis.pipeline() as steps:
        steps.set(_key(web, token), data, ex=SECONDS)
        steps.lpush(of_caller, token)
        steps.lrange(of_caller, KEPT, -1)
        steps.ltrim(of_caller, 0, KEPT - 1)
        steps.expire(of_caller, SECONDS)
        oldest = steps.execute()[2]
    if oldest:
        web.redis.delete(*(_key(web, one.decode()) for one in oldest))


def _key(web: Web, token: str) -> str:
    return f"{web.runtime.settings.queue}:by-photo:{token}"
