"""Write behind: masks to the store, then results and completion in one transaction, while the next batch runs."""

from __future__ import annotations

import io
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from uuid import UUID

import numpy as np
import numpy.typing as npt
import sqlalchemy.exc
from PIL import Image

from catalog.asset_store import AssetStore, mask_key
from catalog.ledger import ClaimedImage, Ledger
from catalog.outcomes import Outcome, Quarantined, Stored
from models.predictions import Segmentation
from workers.batching import bisect
from workers.retry import RetryPolicy, describe

# Label 0 is black; the others are told apart by eye when the PNG is opened in any viewer.
_PALETTE = bytes(
    [0, 0, 0, 255, 255, 255, 230, 90, 60, 70, 150, 230, 90, 190, 90, 240, 190, 60, 160, 100, 210]
)


@dataclass(frozen=True, slots=True)
class Answer:
    """A model's outcome for a claimed image; `model` is its `name@version`."""

    image: ClaimedImage
    model: str
    outcome: Outcome


class Storer:
    """Stores answers in the background, one batch at a time; the first failure is raised to the caller."""

    def __init__(self, ledger: Ledger, store: AssetStore, policy: RetryPolicy, threads: int) -> None:
        self._ledger = ledger
        self._store = store
        self._policy = policy
        self._uploads = ThreadPoolExecutor(threads, thread_name_prefix="mask")
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="store")

    def submit(self, token: UUID, answers: Sequence[Answer]) -> Future[int]:
        """Store `answers`; the result is how many were refused because the lease was lost."""
        return self._writer.submit(self._store_all, token, answers)

    def _store_all(self, token: UUID, answers: Sequence[Answer]) -> int:
        outcomes = list(self._uploads.map(self._with_mask, answers))

        def settle(batch: Sequence[Outcome]) -> Sequence[int]:
            return [self._ledger.settle(token, batch)] + [0] * (len(batch) - 1)

        # Only what the rows themselves may cause is halved; a database that is away fails the whole chunk.
        refused = bisect(settle, outcomes, halve_on=sqlalchemy.exc.DataError)
        for outcome, result in zip(outcomes, refused, strict=True):
            if isinstance(result, Exception):
                self._ledger.settle(token, [Quarantined(outcome.key, "result_refused", describe(result)[1])])
        return sum(result for result in refused if isinstance(result, int))

    def _with_mask(self, answer: Answer) -> Outcome:
        outcome = answer.outcome
        if not isinstance(outcome, Stored) or not isinstance(outcome.prediction, Segmentation):
            return outcome
        key = mask_key(answer.model, answer.image.sha256)
        try:
            self._store.put(key, encode_mask(outcome.prediction.mask), "image/png")
        except Exception as error:  # noqa: BLE001 - the policy decides, for this item alone
            return self._policy.decide(outcome.key, error, answer.image.attempts)
        # The rows keep the segments; the mask itself is in the store now and need not wait for the commit.
        return replace(outcome, mask_key=key)


def encode_mask(mask: npt.NDArray[np.uint8]) -> bytes:
    """A palette PNG of `mask`, uint8 (height, width): pixel values stay label numbers, viewers show colours."""
    image = Image.fromarray(mask, mode="L").convert("L")
    image.putpalette(_PALETTE + bytes(768 - len(_PALETTE)))
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", compress_level=1)
    return buffer.getvalue()
