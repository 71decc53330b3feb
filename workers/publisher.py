"""From the ledger to Redis: ids of due items, only as many messages as workers can soon use."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Protocol

from catalog.ledger import LANES, Chunk, Lane, Ledger


class Queue(Protocol):
    """The broker as far as publishing needs it."""

    def depth(self, lane: Lane) -> int:
        """Messages that wait in a lane."""

    def waiting_since(self, lane: Lane) -> datetime | None:
        """When the message that is next in its turn was published; None where none waits."""

    def send(self, chunks: Iterable[Chunk]) -> None:
        """Publish one message a chunk, each in its lane."""


class Publisher:
    """Keeps the queue filled from the ledger. Everything it does may be done twice, or be lost, without harm."""

    def __init__(self, ledger: Ledger, queue: Queue, *, chunk_size: int, max_published: int) -> None:
        self._ledger = ledger
        self._queue = queue
        self._chunk_size = chunk_size
        self._max_published = max_published

    def publish_due(self) -> int:
        """Publish what is due and carried by no message; returns how many messages were sent."""
        return sum(self._fill(lane) for lane in LANES)

    def _fill(self, lane: Lane) -> int:
        sent = 0
        while (room := self._max_published - self._queue.depth(lane)) > 0:
            chunks = self._ledger.publishable(min(room, 64) * self._chunk_size, room, lane)
            if not chunks:
                break
            self._queue.send(chunks)
            sent += len(chunks)
        return sent

    def recover_lost(self) -> int:
        """Publish again what was published before all that waits, and is held by nobody: its messages are gone."""
        for lane in LANES:
            self._ledger.forget_published(self._queue.waiting_since(lane), lane=lane)
        return self.publish_due()
