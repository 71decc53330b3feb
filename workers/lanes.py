"""Which lane's message is next, and when a chunk of the backlog gives way to what is fresh."""

from __future__ import annotations

import time
from collections.abc import Iterable

from redis import Redis
from redis.exceptions import RedisError

FRESH_IN_A_ROW = 4
WAY_MS = 1500  # until the next process may give way for the same message
AWAY_SECONDS = 60.0


class LaneCycle:
    """The order in which a host asks its queues: by name, whose numbers are the lanes' ranks.

    After some fresh messages in a row the backlog is asked first, once: it moves however much is fresh. Kombu calls
    these methods, as it does those of its own strategies (`kombu.utils.scheduling`).
    """

    def __init__(self, queues: Iterable[str] = ()) -> None:
        self.update(queues)
        self._in_a_row = 0

    def update(self, queues: Iterable[str]) -> None:
        """These are listened to from now on."""
        self._queues = sorted(queues)

    def consume(self, n: int) -> list[str]:
        """The first `n` queues, in the order in which they are asked."""
        turn = self._in_a_row >= FRESH_IN_A_ROW
        return sorted(self._queues, key=lambda queue: (turn and queue.endswith(".fresh"), queue))[:n]

    def rotate(self, last_used: str) -> None:
        """`last_used` just gave a message."""
        if last_used.endswith(".fresh"):
            self._in_a_row += 1
        elif last_used.endswith(".backlog"):
            self._in_a_row = 0


class GiveWay:
    """Asked between batches of the backlog. Of all processes, as many say yes as fresh messages wait."""

    def __init__(self, redis: Redis, fresh_queue: str) -> None:
        self._redis = redis
        self._queue = fresh_queue
        self._not_before = 0.0

    def __call__(self) -> bool:
        if time.monotonic() < self._not_before:
            return False
        try:
            waiting = int(self._redis.llen(self._queue))
            return any(self._takes(place) for place in range(min(waiting, 64)))
        except RedisError:  # what is in hand goes on without it
            self._not_before = time.monotonic() + AWAY_SECONDS
            return False

    def _takes(self, place: int) -> bool:
        return bool(self._redis.set(f"{self._queue}.way.{place}", 1, nx=True, px=WAY_MS))
