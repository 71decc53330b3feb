"""A browser that is logged in: a signed cookie, so that nothing is stored and any process can read it.

The signature's key is made from the passwords of the services: it is the same in every process, and needs no setting. A
session ends with its time, and with its key: taken out of TAGMILL_API_KEYS or replaced, it opens nothing any more.
"""

from __future__ import annotations

import hmac
import time
from hashlib import sha256

from starlette.requests import Request
from starlette.responses import Response

from workers.settings import Settings
from workers.web.keys import Caller, Key, Keys

COOKIE = "tagmill_session"
SECONDS = 12 * 3600


class Sessions:
    """Reads and writes the cookie."""

    def __init__(self, keys: Keys, config: Settings) -> None:
        self._keys = keys
        secrets = (config.database_url, config.redis_url, config.s3_secret_key)
        joined = "\0".join(secret.get_secret_value() for secret in secrets)
        self._secret = hmac.digest(joined.encode(), b"tagmill web session", "sha256")

    def caller(self, request: Request) -> Caller | None:
        """Who is logged in, if the cookie is ours, in time, and its key still holds."""
        name, _, rest = request.cookies.get(COOKIE, "").partition("|")
        ends, _, signature = rest.partition("|")
        key = self._keys.named(name)
        if key is None or not ends.isascii() or not ends.isdigit() or len(ends) > 12:
            return None
        if not hmac.compare_digest(self._sign(key, ends).encode(), signature.encode("utf-8", "replace")):
            return None
        return key.caller if int(ends) > time.time() else None

    def begin(self, request: Request, response: Response, key: Key) -> None:
        """Log the browser in."""
        ends = str(int(time.time()) + SECONDS)
        response.set_cookie(
            COOKIE,
            f"{key.caller.name}|{ends}|{self._sign(key, ends)}",
            max_age=SECONDS,
            httponly=True,
            samesite="lax",
            secure=request.url.scheme == "https",
        )

    def end(self, response: Response) -> None:
        """Log the browser out."""
        response.delete_cookie(COOKIE)

    def _sign(self, key: Key, ends: str) -> str:
        told = f"{key.caller.name}|{key.caller.role}|{key.sha256}|{ends}"
        return hmac.new(self._secret, told.encode(), sha256).hexdigest()
