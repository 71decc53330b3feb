"""Photos out of the store, decoded, ahead of need: threads fetch while the network computes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from catalog.asset_store import AssetStore
from catalog.ledger import ClaimedImage
from models.decode import Photo, decode
from models.photo import Limits, Sides
from workers.blame import blamed
from workers.pulse import LifeSign, Unwatched


@dataclass(frozen=True, slots=True)
class Fetched:
    """A claimed image with its photo, or with the error that stood in its way."""

    image: ClaimedImage
    photo: Photo | Exception


class Fetcher:
    """Fetches and decodes each photo once, `sides` large enough for every model that will see it."""

    def __init__(
        self, store: AssetStore, limits: Limits, threads: int, pulse: LifeSign | None = None
    ) -> None:
        self._store = store
        self._limits = limits
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="fetch")
        self._pulse = pulse or Unwatched()

    def batches(self, images: Sequence[ClaimedImage], size: int, sides: Sides) -> Iterator[list[Fetched]]:
        """The photos of `images` in order, `size` at a time; at most two batches are held ahead of the reader."""
        waiting: deque[Future[Photo | Exception]] = deque()
        upcoming = iter(images)
        try:
            for start in range(0, len(images), size):
                while len(waiting) < 3 * size and (image := next(upcoming, None)):
                    waiting.append(self._pool.submit(self._fetch, image, sides))
                some = images[start : start + size]
                yield self._judged(some, [waiting.popleft().result() for _ in some])
        finally:  # of a chunk that is given up
            for future in waiting:
                future.cancel()

    def _judged(self, images: Sequence[ClaimedImage], photos: Sequence[Photo | Exception]) -> list[Fetched]:
        errors = blamed(self._store, [p if isinstance(p, Exception) else None for p in photos])
        return [
            Fetched(image, photo if isinstance(photo, Photo) else error or photo)
            for image, photo, error in zip(images, photos, errors, strict=True)
        ]

    def _fetch(self, image: ClaimedImage, sides: Sides) -> Photo | Exception:
        try:
            return decode(self._store.get(image.object_key), sides=sides, limits=self._limits)
        except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to this photo, not to the chunk
            return error
        finally:
            self._pulse.progress()
