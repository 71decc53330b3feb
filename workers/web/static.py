"""Our own styles, scripts and icons. Their addresses change with them, so browsers keep them."""

from __future__ import annotations

from fastapi import APIRouter, HTTPException, Request
from starlette.responses import FileResponse, Response

from workers.web.templates import STATIC

router = APIRouter()
_FOR_EVER = {"cache-control": "public, max-age=31536000, immutable"}
_FILES = frozenset(file.name for file in STATIC.iterdir() if file.is_file())


@router.get("/static/{name}")
def static(name: str, request: Request) -> Response:
    """A file of this release, by its plain name."""
    if name not in _FILES:
        raise HTTPException(404, "there is no such file")
    kept = _FOR_EVER if "v" in request.query_params else {"cache-control": "no-cache"}
    return FileResponse(STATIC / name, headers=kept)
