"""Pictures out of the store, a few at a time: threads wait for the store, and at most two photos are decoded at once.

The largest photo that is allowed is 192 MB of pixels.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

import structlog
from anyio import CapacityLimiter, to_thread

from catalog.asset_store import AssetStore, thumbnail_key
from catalog.errors import ObjectMissing, StoreError
from models.photo import Limits
from workers.masks import decode_mask
from workers.web.photos import making
from workers.web.photos.finding import Stored

log = structlog.get_logger("workers.web")

T = TypeVar("T")
THREADS, DECODING = 12, 2


class Pictures:
    """What the routes of photos answer with."""

    def __init__(self, store: AssetStore, limits: Limits) -> None:
        self._store = store
        self._limits = limits
        self._threads = CapacityLimiter(THREADS)
        self.decoding = threading.BoundedSemaphore(DECODING)

    async def run(self, make: Callable[[], T]) -> T:
        """`make` in a thread of those for pictures: whoever waits for one holds up no other request."""
        return await to_thread.run_sync(make, limiter=self._threads)

    def whole(self, photo: Stored) -> bytes:
        """A JPEG. What the file says besides, such as where it was taken, stays here. Raises StoreError, PhotoError."""
        data = self._file(photo)
        with self.decoding:
            return making.whole(data, self._limits)

    def thumbnail(self, photo: Stored, side: int) -> bytes:
        """A WebP that is made once, and kept beside the photos. Raises StoreError, PhotoError."""
        key = thumbnail_key(photo.sha256, side)
        try:
            return self._store.get(key)
        except ObjectMissing:
            pass
        data = self._file(photo)
        with self.decoding:
            made = making.thumbnail(data, side, self._limits)
        try:
            self._store.put(key, made, "image/webp")
        except StoreError as error:
            log.warning("thumbnail not kept", key=key, error=str(error))
        return made

    def cutout(self, photo: Stored, side: int) -> bytes:
        """A WebP. Raises StoreError, PhotoError."""
        data, mask = self._file(photo), self._mask(photo)
        with self.decoding:
            return making.cutout(data, decode_mask(mask, self._limits), side, self._limits)

    def overlay(self, photo: Stored, side: int) -> bytes:
        """A PNG. Raises StoreError, PhotoError."""
        mask = self._mask(photo)
        with self.decoding:
            return making.overlay(decode_mask(mask, self._limits), side)

    def _file(self, photo: Stored) -> bytes:
        return self._store.get(photo.object_key, limit=self._limits.max_bytes)

    def _mask(self, photo: Stored) -> bytes:
        assert photo.mask_key is not None
        return self._store.get(photo.mask_key, limit=self._limits.max_bytes)
