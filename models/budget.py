"""Memory that threads share: who needs more than is left waits until others are done."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition

from models.allocator import give_back

_LARGE = 48_000_000  # bytes: what ordinary photos take is used again by the next, at once


class Budget:
    """So many bytes for all threads of a process together. It is a bound by agreement, not by force."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._left = size
        self._changed = Condition()

    @contextmanager
    def hold(self, size: int) -> Iterator[None]:
        """Have `size` bytes while the block lasts; who needs more than all there is has the whole to itself."""
        taken = min(size, self._size)
        with self._changed:
            self._changed.wait_for(lambda: self._left >= taken)
            self._left -= taken
        try:
            yield
        finally:
            if taken >= _LARGE:
                give_back()
            with self._changed:
                self._left += taken
                self._changed.notify_all()
