"""Photos by URL, for many at once: what is handed in comes as futures."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Self, TypeVar
from weakref import WeakValueDictionary

from catalog.errors import SourceError
from catalog.photo_urls.connections import Connections
from catalog.photo_urls.errand import Errand, Means
from catalog.photo_urls.patience import Patience
from catalog.photo_urls.queues import HostQueues
from catalog.photo_urls.rules import Rules

HELD_BYTES = 128_000_000

T = TypeVar("T")


class Fetcher:
    """Fetches photos of at most `max_bytes`, `per_host` at once from one host and `threads` in all.

    Use it in one thread, and take results as they come: nothing more begins while many wait to be released. At the
    end of its `with`, what is under way is dropped.
    """

    def __init__(
        self,
        rules: Rules,
        max_bytes: int,
        *,
        threads: int = 16,
        per_host: int = 4,
        patience: Patience = Patience(),  # noqa: B008 - frozen
    ) -> None:
        self._connections = Connections(rules)
        self._means = Means(rules, self._connections, patience, max_bytes)
        self._queues = HostQueues(threads, per_host, patience, HELD_BYTES)
        self._under_way: WeakValueDictionary[str, Future[Any]] = WeakValueDictionary()

    def submit(self, url: str, look: Callable[[bytes], T]) -> Future[T]:
        """What `look` makes of the photo, or SourceError. A URL that is just being fetched is not fetched twice."""
        future: Future[T] | None = self._under_way.get(url)
        if future is None:
            try:
                future = self._queues.submit(Errand(url, self._means, look))
            except SourceError as error:
                future = Future()
                future.set_exception(error)
            self._under_way[url] = future
        return future

    def release(self, future: Future[T]) -> None:
        """Its result was taken: so much more may be fetched."""
        self._queues.release(future)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._queues.close()
        self._connections.close()
        self._queues.join()
