"""A browser that is logged in: a signed cookie, and a mark in Redis that is gone when it logs out.

The signature's key is made from the passwords of the services: it is the same in every process, and needs no setting,
and who can write to Redis alone cannot make a session. One ends with its time, at the log-out, wherever its cookie was
copied to, and with its key: taken out of TAGMILL_API_KEYS or replaced, it opens nothing any more. Without Redis nobody
is logged in.
"""

from __future__ import annotations

import hmac
import re
import time
from dataclasses import dataclass
from hashlib import sha256
from secrets import token_urlsafe

from redis import Redis
from starlette.requests import Request
from starlette.responses import Response

from workers.settings import Settings
from workers.web.keys import Caller, Key, Keys

COOKIE = "tagmill_session"
SECONDS = 12 * 3600
_SHAPE = re.compile(r"([^|]{1,64})\|(\d{1,12})\|([\w-]{22})\|([0-9a-f]{64})", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Session:
    key: Key
    ends: int
    id: str


class Sessions:
    """Reads and writes the cookie."""

    def __init__(self, keys: Keys, config: Settings, redis: Redis) -> None:
        self._keys = keys
        self._redis = redis
        self._prefix = f"{config.queue}:session:"
        secrets = (config.database_url, config.redis_url, config.s3_secret_key)
        joined = "\0".join(secret.get_secret_value() for secret in secrets)
        self._secret = hmac.digest(joined.encode(), b"tagmill web session", "sha256")

    def caller(self, request: Request) -> Caller | None:
        """Who is logged in, if the cookie is ours, in time, not logged out, and its key still holds.

        Raises RedisError.
        """
        found = self._read(request)
        if found is None or found.ends <= time.time():
            return None
        return found.key.caller if self._redis.exists(self._prefix + found.id) else None

    def begin(self, request: Request, response: Response, key: Key) -> None:
        """Log the browser in, as a session of its own; one that it had is over. Raises RedisError."""
        self._forget(request)
        session = _Session(key, int(time.time()) + SECONDS, token_urlsafe(16))
        self._redis.set(self._prefix + session.id, "", ex=SECONDS)
        response.set_cookie(
            _name(request),
            f"{key.caller.name}|{session.ends}|{session.id}|{self._sign(session)}",
            max_age=SECONDS,
            httponly=True,
            samesite="lax",
            secure=_is_secure(request),
        )

    def end(self, request: Request, response: Response) -> None:
        """Log the browser out. Raises RedisError."""
        self._forget(request)
        response.delete_cookie(_name(request), secure=_is_secure(request), httponly=True, samesite="lax")

    def _read(self, request: Request) -> _Session | None:
        shaped = _SHAPE.fullmatch(request.cookies.get(_name(request), ""))
        key = shaped and self._keys.named(shaped[1])
        if not shaped or not key:
            return None
        session = _Session(key, int(shaped[2]), shaped[3])
        return session if hmac.compare_digest(self._sign(session), shaped[4]) else None

    def _forget(self, request: Request) -> None:
        if found := self._read(request):
            self._redis.delete(self._prefix + found.id)

    def _sign(self, session: _Session) -> str:
        caller = session.key.caller
        told = f"{caller.name}|{caller.role}|{session.key.sha256}|{session.ends}|{session.id}"
        return hmac.new(self._secret, told.encode(), sha256).hexdigest()


def _is_secure(request: Request) -> bool:
    return request.url.scheme == "https"


def _name(request: Request) -> str:
    """With the prefix by which browsers keep other hosts of the domain, and plain http, from setting the cookie."""
    return f"__Host-{COOKIE}" if _is_secure(request) else COOKIE
