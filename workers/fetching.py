"""Photos out of the store, decoded, ahead of need: threads fetch while the network computes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

from catalog.asset_store import AssetStore
from catalog.errors import ObjectUnreadable, StoreError, StoreRefused, StoreUnavailable
from catalog.ledger import ClaimedImage
from models.decode import Photo, decode
from models.photo import Limits


@dataclass(frozen=True, slots=True)
class Fetched:
    """A claimed image with its photo, or with the error that stood in its way."""

    image: ClaimedImage
    photo: Photo | Exception


class Fetcher:
    """Fetches and decodes each photo once, `min_side` large enough for every model that will see it."""

    def __init__(self, store: AssetStore, limits: Limits, threads: int) -> None:
        self._store = store
        self._limits = limits
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="fetch")

    def batches(
        self,
        images: Sequence[ClaimedImage],
        size: int,
        min_side: int,
        on_progress: Callable[[], None] = lambda: None,
    ) -> Iterator[list[Fetched]]:
        """The photos of `images` in order, `size` at a time; at most two batches are held ahead of the reader.

        `on_progress` is called from the fetching threads, once a photo.
        """
        waiting: deque[Future[Fetched]] = deque()
        upcoming = iter(images)
        for start in range(0, len(images), size):
            while len(waiting) < 3 * size and (image := next(upcoming, None)):
                waiting.append(self._pool.submit(self._fetch, image, min_side, on_progress))
            yield self._blame([waiting.popleft().result() for _ in images[start : start + size]])

    def _blame(self, batch: list[Fetched]) -> list[Fetched]:
        """Where the store answers for others, its failure is this object's trouble as well: that must end one day."""
        failed = [isinstance(fetched.photo, StoreUnavailable | StoreRefused) for fetched in batch]
        if not any(failed) or (all(failed) and not self._store_answers()):
            return batch
        return [
            replace(fetched, photo=ObjectUnreadable(str(fetched.photo))) if unread else fetched
            for fetched, unread in zip(batch, failed, strict=True)
        ]

    def _store_answers(self) -> bool:
        try:
            self._store.exists("models/none")
        except StoreError:
            return False
        return True

    def _fetch(self, image: ClaimedImage, min_side: int, on_progress: Callable[[], None]) -> Fetched:
        try:
            data = self._store.get(image.object_key)
            return Fetched(image, decode(data, min_side=min_side, limits=self._limits))
        except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to this photo, not to the chunk
            return Fetched(image, error)
        finally:
            on_progress()
