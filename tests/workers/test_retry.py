"""What to do about an error, as a table."""

from __future__ import annotations

from datetime import timedelta

import pytest

from catalog.errors import (
    BucketMissing,
    InvalidKey,
    ObjectFailed,
    ObjectMissing,
    StoreRefused,
    StoreUnavailable,
)
from catalog.ledger import ClaimedImage
from catalog.outcomes import ItemKey, Quarantined, Retry
from models.errors import Corrupt, EmptyFile, NotAnImage, TooManyPixels, Truncated, WeightsError
from workers.retry import RetryPolicy

KEY = ItemKey(1, 2)
POLICY = RetryPolicy(max_attempts=4)


def claimed(attempts: int, deferrals: int = 0) -> ClaimedImage:
    return ClaimedImage(1, "ab", "images/ab", frozenset({2}), attempts, deferrals)


def retry(code: str, seconds: float, *, counted: bool = True) -> Retry:
    return Retry(KEY, code, "no", timedelta(seconds=seconds), counted)


def quarantined(code: str, reason: str = "no") -> Quarantined:
    return Quarantined(KEY, code, reason)


@pytest.mark.parametrize(
    ("error", "attempts", "expected"),
    [
        # The bytes will not get better.
        (EmptyFile("no"), 1, quarantined("empty_file")),
        (NotAnImage("no"), 1, quarantined("not_an_image")),
        (Truncated("no"), 1, quarantined("truncated")),
        (Corrupt("no"), 1, quarantined("corrupt")),
        (TooManyPixels("no"), 4, quarantined("too_many_pixels")),
        # The store is away, or set up wrongly: no photo pays for it, however often.
        (StoreUnavailable("no"), 1, retry("store_unavailable", 5, counted=False)),
        (StoreUnavailable("no"), 4, retry("store_unavailable", 5, counted=False)),
        (StoreRefused("no"), 4, retry("store_unavailable", 5, counted=False)),
        (BucketMissing("no"), 4, retry("store_unavailable", 5, counted=False)),
        # Whatever else: again, with growing pauses, until the attempts are used up.
        (ObjectMissing("no"), 1, retry("object_missing", 5)),
        (ObjectMissing("no"), 4, quarantined("object_missing")),
        (InvalidKey("no"), 1, retry("store_failed", 5)),
        (WeightsError("no"), 2, retry("model_failed", 20)),
        (MemoryError("no"), 3, retry("out_of_memory", 80)),
        (MemoryError("no"), 4, quarantined("out_of_memory")),
        (MemoryError("no"), 9, quarantined("out_of_memory")),
        (RuntimeError("no"), 4, quarantined("inference_failed", "RuntimeError: no")),
        (RuntimeError(), 4, quarantined("inference_failed", "RuntimeError: RuntimeError")),
    ],
    ids=lambda value: f"{type(value).__name__}" if isinstance(value, Exception) else None,
)
def test_an_error_and_its_attempts_decide(
    error: Exception, attempts: int, expected: Retry | Quarantined
) -> None:
    assert POLICY.decide(KEY, error, claimed(attempts)) == expected


def test_pauses_grow_up_to_five_minutes() -> None:
    policy = RetryPolicy(max_attempts=20)
    found = [policy.decide(KEY, MemoryError("no"), claimed(n)) for n in range(1, 20)]
    seconds = [outcome.delay.total_seconds() for outcome in found if isinstance(outcome, Retry)]
    assert seconds == [5, 20, 80] + [300] * 16


def test_with_one_attempt_nothing_is_tried_again() -> None:
    assert RetryPolicy(max_attempts=1).decide(KEY, MemoryError("no"), claimed(1)) == quarantined(
        "out_of_memory"
    )


def test_a_reason_fits_the_database_whatever_the_error_says() -> None:
    outcome = POLICY.decide(KEY, RuntimeError("\0" + "x" * 10_000), claimed(4))
    assert outcome.reason == f"RuntimeError: {'x' * 10_000}"[:500]


def test_an_object_that_the_store_will_not_give_while_it_gives_others_is_waited_for_and_then_given_up() -> (
    None
):
    error, limit = ObjectFailed("no"), POLICY.max_deferrals
    for deferrals, seconds in ((0, 5), (1, 20), (limit - 1, 300)):
        again = Retry(KEY, "object_failed", "no", timedelta(seconds=seconds), counted=False, deferred=True)
        assert POLICY.decide(KEY, error, claimed(4, deferrals)) == again
    assert POLICY.decide(KEY, error, claimed(1, limit)) == quarantined("object_failed")
