"""The outermost layer: headers that browsers heed, a line in the log, and an answer where a route has none."""

from __future__ import annotations

import time
from contextlib import suppress

import structlog
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from workers.web.problems import respond

log = structlog.get_logger("workers.web")

# Everything comes from here, nothing runs that stands in a page, nobody frames it.
HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; font-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "private, no-store",  # unless an answer says that it may be kept
}


class Edge:
    """ASGI middleware around everything."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        request = Request(scope)
        try:
            await self._app(scope, receive, sending)
        except Exception:
            log.exception("request failed", method=request.method, path=request.url.path)
            if (
                status
            ):  # half an answer is out: the connection is cut, so that nobody takes it for a whole one
                raise
            await respond(request, 500, "something went wrong here; the log says what")(
                scope, receive, sending
            )
        finally:
            _tell(request, status, time.perf_counter() - began)


def _tell(request: Request, status: int, seconds: float) -> None:
    """Neither query nor headers: there may be words of people, keys and cookies in them."""
    caller = request.scope.get("caller")
    with suppress(Exception):
        log.info(
            "request",
            method=request.method,
            path=request.url.path[:300],
            status=status,
            ms=round(seconds * 1000, 1),
            client=request.client.host if request.client else None,
            caller=caller.name if caller else None,
        )
