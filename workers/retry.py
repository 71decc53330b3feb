"""What to do about an error: a policy that is a value. It looks at the error and at what came before, no further."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from catalog.errors import (
    BucketMissing,
    ObjectFailed,
    ObjectMissing,
    StoreError,
    StoreRefused,
    StoreUnavailable,
)
from catalog.ledger import ClaimedImage
from catalog.outcomes import ItemKey, Quarantined, Retry
from models.errors import ModelError, PhotoError

REASON_LENGTH = 500

# The store is away, or set up wrongly: no photo is at fault, and all would fail alike.
STORE_TROUBLE = (StoreUnavailable, StoreRefused, BucketMissing)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Exponential back-off: 5 s, 20 s, 80 s …, at most five minutes, `max_attempts` claims in all."""

    max_attempts: int
    first: timedelta = timedelta(seconds=5)
    factor: int = 4
    longest: timedelta = timedelta(minutes=5)
    max_deferrals: int = 50  # four hours in which the store answered for others

    def decide(self, key: ItemKey, error: Exception, image: ClaimedImage) -> Retry | Quarantined:
        """The outcome of a work item of `image` that failed with `error`; its claims are counted from 1."""
        code, reason = describe(error)
        if isinstance(error, PhotoError):  # the bytes will not get better
            return Quarantined(key, code, reason)
        if isinstance(error, STORE_TROUBLE):  # it costs no attempt
            return Retry(key, code, reason, self.first, counted=False)
        if isinstance(error, ObjectFailed) and image.deferrals < self.max_deferrals:
            return Retry(key, code, reason, self._delay(image.deferrals + 1), counted=False, deferred=True)
        if isinstance(error, ObjectFailed) or image.attempts >= self.max_attempts:
            return Quarantined(key, code, reason)
        return Retry(key, code, reason, self._delay(image.attempts))

    def _delay(self, tries: int) -> timedelta:
        return min(self.longest, self.first * int(self.factor ** min(tries - 1, 8)))


def describe(error: Exception) -> tuple[str, str]:
    """A short code for machines and a sentence for people."""
    reason = (str(error) or type(error).__name__).replace("\0", "")[:REASON_LENGTH]
    match error:
        case PhotoError():
            return error.code, reason
        case StoreUnavailable() | StoreRefused() | BucketMissing():
            return "store_unavailable", reason
        case ObjectFailed():
            return "object_failed", reason
        case ObjectMissing():
            return "object_missing", reason
        case StoreError():
            return "store_failed", reason
        case ModelError():
            return "model_failed", reason
        case MemoryError():
            return "out_of_memory", reason
        case _:
            return "inference_failed", f"{type(error).__name__}: {reason}"[:REASON_LENGTH]
