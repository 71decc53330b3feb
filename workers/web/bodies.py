"""How much of a request is read, and for how long: what comes beyond is refused before it is kept."""

from __future__ import annotations

import asyncio
import time
from collections import Counter

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from workers.web.keys import LOCAL, Caller
from workers.web.problems import respond

STRANGER = 16 * 1024  # a log-in
PLAIN = 4_000_000
FORM = 64 * 1024  # what is in an upload besides the photo
PAGE = 256 * 1024  # what a form of a page sends: it is taken apart by Python, a byte at a time
SECONDS = 60.0
UPLOADS = 8
"""At once: each may take as many bytes as a photo may have, and a thread that waits to decode it. Of one key half."""


class Bodies:
    """ASGI middleware: bounds the body of a request by who sends it and what it is."""

    def __init__(self, app: ASGIApp, photo: int) -> None:
        self._app = app
        self._photo = photo
        self._uploads = Counter[str]()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        most = self._most(request)
        length = request.headers.get("content-length", "")
        if length.isdecimal() and int(length) > most:
            await respond(request, 413, _sentence(most), headers={"connection": "close"})(
                scope, receive, send
            )
            return
        upload, caller = is_upload(request), request.scope["caller"]
        if upload and (refusal := self._full(request, caller)):
            await refusal(scope, receive, send)
            return
        name = caller.name if caller else ""
        self._uploads[name] += upload
        try:
            await self._app(scope, _bounded(receive, most), send)
        finally:
            self._uploads[name] -= upload
            self._uploads += Counter()  # those that have none are forgotten

    def _full(self, request: Request, caller: Caller | None) -> Response | None:
        told, headers = "photos are being sent just now; try again soon", {"retry-after": "2"}
        if self._uploads.total() >= UPLOADS:
            return respond(request, 503, f"too many {told}", headers=headers)
        if caller not in (None, LOCAL) and self._uploads[caller.name] >= UPLOADS // 2:
            return respond(
                request, 429, f"with this key, as many as it may send at once: {told}", headers=headers
            )
        return None

    def _most(self, request: Request) -> int:
        if request.scope["caller"] is None:
            return STRANGER
        if is_upload(request):
            return self._photo + FORM
        return PAGE if _kind(request).startswith("application/x-www-form-urlencoded") else PLAIN


def is_upload(request: Request) -> bool:
    """Whether a file is sent, from what is said of the body."""
    return _kind(request).startswith("multipart/")


def _kind(request: Request) -> str:
    return request.headers.get("content-type", "").lower()


def _bounded(receive: Receive, most: int) -> Receive:
    left, deadline, over = most, time.monotonic() + SECONDS, False

    async def read() -> Message:
        nonlocal left, over
        if over:  # the answer is under way; what is awaited now is that the client goes
            return await receive()
        try:
            message = await asyncio.wait_for(receive(), max(0.0, deadline - time.monotonic()))
        except TimeoutError:
            raise HTTPException(
                408, f"the body did not come within {SECONDS:.0f} s", {"connection": "close"}
            ) from None
        left -= len(message.get("body", b""))
        over = not message.get("more_body", False)
        if left < 0:
            raise HTTPException(413, _sentence(most), {"connection": "close"})
        return message

    return read


def _sentence(most: int) -> str:
    return f"the request is larger than {most:,} bytes, the most that is taken here"
