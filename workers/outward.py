"""Requests of webhooks: to `catalog.outward`'s rules, whatever the answer."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPException, responses

from catalog.errors import NoAnswer
from catalog.outward import Bounds, Target, addresses, connect, printable, sentence, target
from catalog.outward.connection import CONNECT_SECONDS

TOTAL_SECONDS = 15.0
ANSWER_BYTES = 4096  # read of an answer; the rest is left unread
_CARRIED = 64 * 1024  # bytes that may come before so much of a body is there

NAMED_IN = "TAGMILL_WEBHOOK_HOSTS"


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer; `body` is its beginning, of printable characters."""

    status: int
    body: str

    def __str__(self) -> str:
        return f"{self.status} {responses.get(self.status, '')}".strip()


def destination(url: str, inside: Collection[str] = ()) -> tuple[Target, list[str]]:
    """Where `url` leads, and its addresses. Hosts that are named `inside` may have any, all others only global ones.

    Raises AddressRefused, and NoAnswer where the name is unknown.
    """
    to = target(url)
    return to, addresses(to, inside, named_in=NAMED_IN)


def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    inside: Collection[str] = (),
    *,
    seconds: float = TOTAL_SECONDS,
) -> Answer:
    """POST, and the answer, whatever its status. It takes `seconds` at most, from when the name is resolved.

    Raises AddressRefused, NoAnswer.
    """
    to, found = destination(url, inside)
    begun, allowed = time.monotonic(), min(CONNECT_SECONDS, seconds)
    try:
        with closing(connect(to, found, allowed)) as connection:
            spent, allowed = time.monotonic() - begun, seconds
            bounds = Bounds(seconds, ANSWER_BYTES + _CARRIED)
            response = connection.ask("POST", to.path, headers, bounds, body, spent=spent)
            with closing(response):
                text = response.read(ANSWER_BYTES).decode(errors="replace")
    except TimeoutError:
        raise NoAnswer(f"{to.host} gave no complete answer within {allowed:g} s") from None
    except (OSError, HTTPException, ValueError) as error:
        raise NoAnswer(f"{to.host} did not answer: {sentence(error)}") from None
    return Answer(response.status, printable(text))
