"""What pages show of stored objects, fetched by a few threads; one that cannot be shown costs only itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from catalog.asset_store import AssetStore
from catalog.errors import StoreError
from models.errors import PhotoError
from models.photo import Limits
from workers.pages import pictures

Shown = TypeVar("Shown")
Progress = Callable[[int, int], None]


class Objects:
    """Objects of the store made into something to show, at most `threads` at a time."""

    def __init__(
        self,
        store: AssetStore,
        limits: Limits,
        threads: int,
        on_progress: Progress = lambda _done, _all: None,
    ) -> None:
        self._store = store
        self._limits = limits
        self._threads = threads
        self._on_progress = on_progress

    def photos(self, keys: Iterable[str], longest: int) -> dict[str, str | PhotoError | StoreError]:
        """By key, the photo as a data URI, or why there is none. Raises StoreUnavailable: nothing is served."""
        return self.each(keys, lambda data: pictures.photo(data, longest, self._limits))

    def each(
        self, keys: Iterable[str], made: Callable[[bytes], Shown]
    ) -> dict[str, Shown | PhotoError | StoreError]:
        """By key, what is `made` of its bytes, or why it could not be. Raises StoreUnavailable."""
        self._store.exists("models/none")  # from here on, trouble is that of one object
        wanted = list(dict.fromkeys(keys))
        found: list[Shown | PhotoError | StoreError] = []
        with ThreadPoolExecutor(self._threads, thread_name_prefix="page") as pool:
            for one in pool.map(lambda key: self._one(key, made), wanted):
                found.append(one)
                self._on_progress(len(found), len(wanted))
        return dict(zip(wanted, found, strict=True))

    def _one(self, key: str, made: Callable[[bytes], Shown]) -> Shown | PhotoError | StoreError:
        try:
            return made(self._store.get(key, limit=self._limits.max_bytes))
        except (PhotoError, StoreError) as error:
            return error
