"""Memory that threads share: who needs more than is left waits until others are done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition, get_ident

from models.allocator import give_back


class Budget:
    """So many bytes for all threads of a process together. It is a bound by agreement, not by force.

    What a thread has freed the C library keeps for its next photo, which is faster than to have it anew. It counts:
    where all that is kept would be more than the budget, it is given back.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._held: Counter[int] = Counter()  # by thread
        self._kept: Counter[int] = Counter()  # the most that each has held since memory was given back
        self._changed = Condition()

    @contextmanager
    def hold(self, size: int) -> Iterator[None]:
        """Have `size` bytes while the block lasts; who needs more than all there is has the whole to itself."""
        thread, taken = get_ident(), min(size, self._size)
        with self._changed:
            self._changed.wait_for(lambda: self._held.total() + taken <= self._size)
            self._held[thread] += taken
            self._kept[thread] = max(self._held[thread], self._kept[thread])
            if self._kept.total() > self._size:
                give_back()
                self._kept = self._held.copy()
        try:
            yield
        finally:
            with self._changed:
                self._held[thread] -= taken
                self._changed.notify_all()
