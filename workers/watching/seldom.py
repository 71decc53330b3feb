"""What is slow to read is read seldom: looking must not become the load."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Generic, TypeVar

import sqlalchemy as sa

T = TypeVar("T")

SHARE = 20
"""Reading takes at most a twentieth of the time."""


class Seldom(Generic[T]):
    """Keeps what `read` gave for twenty times as long as reading took, and for `seconds` at least."""

    def __init__(self, read: Callable[[sa.Connection], T], seconds: float = 0.0) -> None:
        self._read = read
        self._seconds = seconds
        self._kept: T | None = None
        self._until = 0.0

    def __call__(self, connection: sa.Connection) -> T:
        """What was read just now or lately."""
        began = time.monotonic()
        if self._kept is None or began >= self._until:
            self._kept = self._read(connection)
            took = time.monotonic() - began
            self._until = began + took + max(self._seconds, SHARE * took)
        return self._kept
