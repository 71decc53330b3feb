"""The last net: whatever is about to be logged or said, without this process's secrets.

Nothing of ours puts a secret into a sentence. Libraries quote what they were given, and not all of them mask it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from urllib.parse import quote, unquote, urlsplit

from pydantic import SecretStr
from structlog.typing import EventDict, WrappedLogger

from workers.settings import Settings
from workers.tracing import HEADERS

MASK = "**"
SHORTEST = 8  # shorter ones are parts of words; a secret that can be guessed is none


class Redactor:
    """Puts `MASK` where one of the secrets stands, also where it is quoted as in JSON or in a URL."""

    def __init__(self, config: Settings) -> None:
        found = {form for secret in _secrets(config) for form in _forms(secret)}
        self._found = sorted((one for one in found if len(one) >= SHORTEST), key=len, reverse=True)

    def __call__(self, text: str) -> str:
        for secret in self._found:
            text = text.replace(secret, MASK)
        return text

    def process(self, _logger: WrappedLogger, _method: str, line: EventDict | str) -> str:
        """The same as structlog's last processor, of what the renderer made."""
        return self(str(line))


def _secrets(config: Settings) -> Iterator[str]:
    for value in dict(config).values():
        if isinstance(value, SecretStr):
            yield from _parts(value.get_secret_value())
    yield from config.passwords_of_parts.values()
    for name in HEADERS:
        for header in os.environ.get(name, "").split(","):
            yield header.partition("=")[2] or header


def _parts(secret: str) -> Iterator[str]:
    """The whole; of a URL its password, wherever it stands; of `user:password` the latter."""
    yield secret
    if "://" not in secret:
        yield secret.partition(":")[2]
        return
    parts = urlsplit(secret)
    yield parts.password or ""
    for pair in parts.query.split("&"):
        name, _, value = pair.partition("=")
        if "password" in name:
            yield value


def _forms(secret: str) -> Iterator[str]:
    for plain in (secret, unquote(secret)):
        yield from (plain, json.dumps(plain)[1:-1], quote(plain, safe=""))
