"""What pages show of stored objects, fetched by a few threads; one that cannot be shown costs only itself.

They are decoded one at a time: the largest photo that is allowed is 192 MB of pixels. Threads wait for the store.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from catalog.asset_store import AssetStore
from catalog.errors import StoreError
from models.errors import PhotoError
from models.photo import Limits
from workers.masks import decode_mask
from workers.pages import pictures

Item = TypeVar("Item")
Made = TypeVar("Made")
Unshown = PhotoError | StoreError
"""Why an object is not shown."""


class Objects:
    """The store's objects, for a page: within `limits`, at most `threads` at a time."""

    def __init__(
        self,
        store: AssetStore,
        limits: Limits,
        threads: int,
        on_progress: Callable[[int, int], None] = lambda _done, _all: None,
    ) -> None:
        self._store = store
        self._limits = limits
        self._threads = threads
        self._on_progress = on_progress
        self._decoding = threading.Lock()

    def map(self, make: Callable[[Item], Made], items: Sequence[Item]) -> list[Made]:
        """`make` of each item, in order, by threads. Raises StoreUnavailable or StoreRefused: nothing is served."""
        self._store.exists("models/none")  # from here on, trouble is that of one object
        made = []
        with ThreadPoolExecutor(self._threads, thread_name_prefix="page") as pool:
            for one in pool.map(make, items):
                made.append(one)
                self._on_progress(len(made), len(items))
        return made

    def photo(self, key: str, longest: int) -> str | Unshown:
        """The photo under `key` as a data URI of `longest` pixels at most, or why there is none."""
        return self.read(key, lambda data: pictures.photo(data, longest, self._limits))

    def mask(self, key: str) -> pictures.LabelMask | Unshown:
        """The label numbers of the mask under `key`, or why there is none."""
        return self.read(key, lambda data: decode_mask(data, self._limits))

    def read(self, key: str, make: Callable[[bytes], Made]) -> Made | Unshown:
        """What `make`, one at a time, does of the bytes under `key`, or the error that stood in its way."""
        try:
            data = self._store.get(key, limit=self._limits.max_bytes)
            with self._decoding:
                return make(data)
        except (PhotoError, StoreError) as error:
            return error
