"""What every request passes before anything of its body is read: the first guard that answers has the last word."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

from redis.exceptions import RedisError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from workers.this_machine import THIS_MACHINE
from workers.web.bodies import is_upload
from workers.web.health import HEALTH
from workers.web.keys import LOCAL, Caller
from workers.web.problems import respond
from workers.web.sessions import COOKIE
from workers.web.state import Web

Guard = Callable[[Request, Web], Awaitable[Response | None]]

SAFE = frozenset(("GET", "HEAD", "OPTIONS"))
_FORWARDED = frozenset(("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via"))
FREE = "/static/"
"""What costs nothing, and nobody needs to be known for."""
_PICTURES = re.compile(r"/photos/[^/]*/thumb/|/masks/")
_PICTURE, _REQUEST, _UPLOAD = 0.1, 1.0, 5.0


class Guards:
    """ASGI middleware around the routes."""

    def __init__(self, app: ASGIApp, web: Web, guards: Sequence[Guard]) -> None:
        self._app = app
        self._web = web
        self._guards = guards

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            request = Request(scope)
            for guard in self._guards:
                answer = await guard(request, self._web)
                if answer is not None:
                    await answer(scope, receive, send)
                    return
        await self._app(scope, receive, send)


async def framing(request: Request, _: Web) -> Response | None:
    """A body of which two lengths are told may hide a second request from a proxy (RFC 9112, 6.1)."""
    if "content-length" not in request.headers or "transfer-encoding" not in request.headers:
        return None
    told = "a request has Content-Length or Transfer-Encoding, not both"
    return respond(request, 400, told, headers={"connection": "close"})


async def host(request: Request, web: Web) -> Response | None:
    """Only names that are meant: a name of others that leads here (DNS rebinding) would be their page's own origin.

    With keys it is harmless, since cookies belong to a name; then any name will do, unless some are set.
    """
    if web.keys and not web.hosts:
        return None
    if not web.keys and not _FORWARDED.isdisjoint(request.headers):
        told = "this request came through a proxy, so from anywhere: set TAGMILL_API_KEYS first (docs/api.md)"
        return respond(request, 403, told)
    name = _host_name(request)
    if name in THIS_MACHINE or name in web.hosts:
        return None
    return respond(request, 421, "this host name is not served here; TAGMILL_WEB_HOSTS names those that are")


async def cross_site(request: Request, _: Web) -> Response | None:
    """What changes something must come from our own pages, or from no browser at all.

    Browsers say where a request comes from, in headers that no page can change, so forms need no token
    (https://web.dev/articles/fetch-metadata; https://words.filippo.io/csrf). `same-site` is not enough: on one machine
    that is every port.
    """
    if request.method in SAFE:
        return None
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    if site is not None:
        allowed = site in ("same-origin", "none")
    else:
        allowed = origin is None or _netloc(origin) == request.headers.get("host", "")
    if allowed:
        return None
    return respond(
        request, 403, "this request comes from another site; only our own pages may change something"
    )


async def who(request: Request, web: Web) -> Response | None:
    """Puts the caller into the request, if one is known; the routes ask for the role they need."""
    request.scope["caller"] = None
    if not request.url.path.startswith(FREE):
        try:
            request.scope["caller"] = await _caller(request, web)
        except RedisError:
            told = "who is logged in cannot be looked up just now; a key in the header can"
            return respond(request, 503, told, headers={"retry-after": "5"})
    return None


async def pace(request: Request, web: Web) -> Response | None:
    """No one caller takes all: a bucket of tokens each."""
    if request.url.path.startswith(FREE):
        return None
    caller: Caller | None = request.scope["caller"]
    address = _address(request)
    if request.url.path == HEALTH:  # it takes a connection, and must not wait behind what others ask
        name = f"health:{address}"
    else:
        name = f"address:{address}" if caller in (None, LOCAL) else f"key:{caller.name}"
    wait = await run_in_threadpool(web.paces.take, name, _cost(request))
    if not wait:
        return None
    told = f"too many requests; go on in {wait} s (TAGMILL_WEB_RATE is the rate)"
    return respond(request, 429, told, headers={"retry-after": str(wait)})


async def _caller(request: Request, web: Web) -> Caller | None:
    if not web.keys:
        return LOCAL
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        key = web.keys.of(secret.strip())
        return key.caller if key else None
    if COOKIE not in request.headers.get("cookie", ""):
        return None
    return await run_in_threadpool(web.sessions.caller, request)


def _address(request: Request) -> str:
    """Of IPv6 the network: who has one address of it has them all."""
    told = request.client.host if request.client else "unknown"
    try:
        address = ip_address(told)
    except ValueError:
        return told
    return told if address.version == 4 else str(ip_network((told, 64), strict=False))


def _cost(request: Request) -> float:
    if _PICTURES.match(request.url.path):
        return _PICTURE
    by_photo = request.url.path == "/" and "photo" in request.query_params
    return _UPLOAD if by_photo or is_upload(request) else _REQUEST


def _host_name(request: Request) -> str:
    try:
        return (urlsplit(f"//{request.headers.get('host', '')}").hostname or "").rstrip(".").lower()
    except ValueError:
        return ""


def _netloc(origin: str) -> str:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""
