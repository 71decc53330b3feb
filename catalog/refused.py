"""Messages in the queue that no worker would run: the newest of them, for people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import sqlalchemy as sa

KEPT = 1000
"""Rows: a flood of messages must not fill the database."""
SHOWN = 300


@dataclass(frozen=True, slots=True)
class Refused:
    """`code` is `not_sealed`, `too_long`, `unknown_task` or `malformed`; `reason` may say more."""

    code: str
    queue: str
    bytes: int
    beginning: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class OfLate:
    """How many messages of a code are kept of the last day, and the newest of them."""

    code: str
    messages: int
    queue: str
    beginning: str
    reason: str


def beginning(message: bytes) -> str:
    """The first bytes of a message as printable ASCII, for tables, logs and terminals."""
    return ascii(message[:SHOWN].decode("latin-1"))[1:-1]


def keep(connection: sa.Connection, messages: Sequence[Refused]) -> None:
    """Add these, and forget the oldest beyond `KEPT`."""
    connection.execute(_ADD, [asdict(message) for message in messages])
    connection.execute(_FORGET, {"kept": KEPT})


def of_late(connection: sa.Connection) -> list[OfLate]:
    """Those of the last day, by code."""
    return [OfLate(*row) for row in connection.execute(_OF_LATE)]


_ADD = sa.text(
    """
    INSERT INTO refused_messages (code, queue, bytes, beginning, reason)
    VALUES (:code, :queue, :bytes, :beginning, :reason)
    """
)

_FORGET = sa.text("DELETE FROM refused_messages WHERE id <= (SELECT max(id) FROM refused_messages) - :kept")

_OF_LATE = sa.text(
    """
    SELECT DISTINCT ON (code) code, count(*) OVER (PARTITION BY code), queue, beginning, reason
    FROM refused_messages WHERE refused_at > now() - interval '1 day' ORDER BY code, id DESC
    """
)
