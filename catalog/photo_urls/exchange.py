"""One request for a photo, and its answer, of which no more is read than a photo may have."""

from __future__ import annotations

from dataclasses import dataclass
from http.client import HTTPResponse, IncompleteRead
from importlib.metadata import version
from typing import Final

from catalog.errors import SourceError
from catalog.outward import Bounds, Connection, Target, printable

HEADERS: Final = {
    "User-Agent": f"Tagmill/{version('tagmill')}",
    "Accept": "image/*",
    "Accept-Encoding": "identity",
}
REDIRECTS: Final = (301, 302, 303, 307, 308)

_STEP = 64 * 1024
_SHORT = 16 * 1024  # bytes of an error page that are read, so that its connection can be used again


@dataclass(frozen=True, slots=True)
class Got:
    """An answer; `data` is empty unless the status is 200. `again`: its connection may be used again."""

    status: int
    data: bytes
    location: str | None
    retry_after: str | None
    again: bool


def get(connection: Connection, to: Target, max_bytes: int, bounds: Bounds) -> Got:
    """Ask for `to.path`.

    Raises SourceError for an answer that no photo has, TimeoutError, OSError, HTTPException and ValueError.
    """
    response = connection.ask("GET", to.path, HEADERS, bounds)
    data, whole = b"", False
    if response.status == 200:
        _check(response, max_bytes)
        data, whole = _body(response, max_bytes), True
    elif (response.length or 0) <= _SHORT and not response.chunked and not response.will_close:
        whole = len(response.read(_SHORT)) <= _SHORT
    again = whole and not response.will_close
    location, wait = response.getheader("Location"), response.getheader("Retry-After")
    response.close()
    return Got(response.status, data, location and _as_meant(location), wait, again)


def _as_meant(location: str) -> str:
    """Headers are read as Latin-1, and servers that do not percent-encode a path send it in UTF-8."""
    return location.encode("latin-1", "replace").decode(errors="replace")


def _check(response: HTTPResponse, max_bytes: int) -> None:
    for name in ("Content-Encoding", "Transfer-Encoding"):
        for coding in (response.getheader(name) or "").lower().split(","):
            if coding.strip() not in ("", "identity", "chunked" if name == "Transfer-Encoding" else ""):
                raise SourceError(
                    "url_failed",
                    f"the answer is packed ({name}: {printable(coding)[:40]}), though none was asked for",
                )
    if response.length is not None and response.length > max_bytes:
        raise SourceError(
            "too_many_bytes", f"the photo has {response.length:,} bytes, more than {max_bytes:,}"
        )


def _body(response: HTTPResponse, max_bytes: int) -> bytes:
    """All of it, whatever it says of its length. Raises SourceError beyond `max_bytes`."""
    # In steps where its length is not said: tiny chunks would cost many times their size.
    step = max_bytes + 1 if response.length is not None else _STEP
    data = response.read(step)
    if response.length is None and data:
        parts = bytearray(data)
        while len(parts) <= max_bytes and (more := response.read(step)):
            parts += more
        data = bytes(parts)
    if len(data) > max_bytes:
        raise SourceError("too_many_bytes", f"the photo has more than {max_bytes:,} bytes")
    if response.length:
        raise IncompleteRead(b"", response.length)
    return data
