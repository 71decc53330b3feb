"""Photos out of the store, decoded, ahead of need: threads fetch while the network computes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from math import ceil

from catalog.asset_store import AssetStore
from catalog.ledger import ClaimedImage
from models.budget import Budget
from models.decode import Photo, decode
from models.photo import Limits, Sides
from workers.blame import blamed
from workers.pulse import LifeSign, Unwatched

AHEAD = 3  # batches, with the one that is next
BATCH_BYTES, AHEAD_BYTES = 64_000_000, 128_000_000
"""Decoded pixels of a batch, and of all that are ahead: photos that are long and narrow stay large."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A claimed image with its photo, or with the error that stood in its way."""

    image: ClaimedImage
    photo: Photo | Exception


@dataclass(frozen=True, slots=True)
class Portion:
    """A batch to be, and the bytes that its decoded photos will take."""

    images: Sequence[ClaimedImage]
    size: int


class Fetcher:
    """Fetches and decodes each photo once, `sides` large enough for every model that will see it."""

    def __init__(
        self, store: AssetStore, limits: Limits, threads: int, pulse: LifeSign | None = None
    ) -> None:
        self._store = store
        self._limits = limits
        self._memory = Budget(limits.memory)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="fetch")
        self._pulse = pulse or Unwatched()

    def batches(self, images: Sequence[ClaimedImage], size: int, sides: Sides) -> Iterator[list[Fetched]]:
        """The photos of `images` in order, at most `size` at a time; at most two batches are held ahead of the reader.

        Where photos are large a batch has fewer, and fewer are held.
        """
        portions = deque(_portions(images, size, sides))
        ahead: deque[tuple[Portion, list[Future[Photo | Exception]]]] = deque()
        try:
            while portions or ahead:
                while portions and _has_room([portion for portion, _ in ahead], portions[0]):
                    some = portions.popleft()
                    ahead.append((some, [self._pool.submit(self._fetch, one, sides) for one in some.images]))
                some, futures = ahead.popleft()
                yield self._judged(some.images, [future.result() for future in futures])
        finally:  # of a chunk that is given up
            for _, futures in ahead:
                for future in futures:
                    future.cancel()

    def _judged(self, images: Sequence[ClaimedImage], photos: Sequence[Photo | Exception]) -> list[Fetched]:
        errors = blamed(self._store, [p if isinstance(p, Exception) else None for p in photos])
        return [
            Fetched(image, photo if isinstance(photo, Photo) else error or photo)
            for image, photo, error in zip(images, photos, errors, strict=True)
        ]

    def _fetch(self, image: ClaimedImage, sides: Sides) -> Photo | Exception:
        try:
            data = self._store.get(image.object_key)
            return decode(data, sides=sides, limits=self._limits, memory=self._memory)
        except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to this photo, not to the chunk
            # Tracebacks hold the bytes of each bad photo for as long as its batch is there.
            error.__context__ = None
            return error.with_traceback(None)
        finally:
            self._pulse.progress()


def _portions(images: Sequence[ClaimedImage], size: int, sides: Sides) -> Iterator[Portion]:
    """At most `size` photos and BATCH_BYTES each, but for a photo that is larger by itself."""
    some: list[ClaimedImage] = []
    total = 0
    for image in images:
        needed = _decoded(image, sides)
        if some and (len(some) == size or total + needed > BATCH_BYTES):
            yield Portion(some, total)
            some, total = [], 0
        some.append(image)
        total += needed
    if some:
        yield Portion(some, total)


def _has_room(ahead: Sequence[Portion], portion: Portion) -> bool:
    held = sum(one.size for one in ahead)
    return not ahead or (len(ahead) < AHEAD and held + portion.size <= AHEAD_BYTES)


def _decoded(image: ClaimedImage, sides: Sides) -> int:
    """Bytes of the pixels that are left of a photo, at most: decoders scale by whole numbers."""
    factor = int(1 / sides.scale(image.width, image.height))
    return 3 * ceil(image.width / factor) * ceil(image.height / factor)
