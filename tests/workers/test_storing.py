"""Write behind: what becomes of masks that the store will not take, and of those who wait for it."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID, uuid4

import numpy as np
import pytest

from catalog.asset_store import MemoryAssetStore, mask_key
from catalog.errors import StoreUnavailable
from catalog.ledger import ClaimedImage
from catalog.outcomes import ItemKey, Outcome, Quarantined, Retry, Stored
from models.predictions import Segmentation
from models.runs import Runs
from workers.inference import Answer
from workers.pulse import Unwatched
from workers.retry import RetryPolicy
from workers.storing import Storer

MODEL = "mask@1"


class Settled:
    """A ledger that only notes what it is told."""

    def __init__(self) -> None:
        self.outcomes: list[Outcome] = []

    def settle(self, token: UUID, outcomes: Sequence[Outcome]) -> int:
        self.outcomes += outcomes
        return 0


class Steps(Unwatched):
    """A life sign that counts."""

    def __init__(self) -> None:
        self.count = 0

    def progress(self) -> None:
        self.count += 1


class Choosy(MemoryAssetStore):
    """It serves all but these keys."""

    def __init__(self, refused: set[str], *, away: bool = False) -> None:
        super().__init__()
        self.ensure_bucket()
        self.refused = refused
        self.away = away

    def put(self, key: str, data: bytes, content_type: str) -> None:
        if key in self.refused:
            raise StoreUnavailable("503")
        super().put(key, data, content_type)

    def exists(self, key: str) -> bool:
        if self.away:
            raise StoreUnavailable("503")
        return super().exists(key)


def answer(number: int, deferrals: int = 0) -> Answer:
    image = ClaimedImage(number, f"{number:064x}", "images/x", frozenset({1}), 1, deferrals)
    found = Segmentation(Runs.of(np.zeros((2, 3), np.uint8)), ())
    return Answer(image, MODEL, Stored(ItemKey(number, 1), found))


def store_all(store: Choosy, answers: Sequence[Answer]) -> tuple[list[Outcome], int]:
    ledger, steps = Settled(), Steps()
    storer = Storer(ledger, store, RetryPolicy(max_attempts=4), 2, steps)  # type: ignore[arg-type]
    assert storer.submit(uuid4(), answers).result(10) == 0
    return ledger.outcomes, steps.count


def key(number: int) -> str:
    return mask_key(MODEL, f"{number:064x}")


def test_a_mask_is_put_and_named() -> None:
    store = Choosy(set())
    outcomes, _ = store_all(store, [answer(1), answer(2)])
    assert [outcome.mask_key for outcome in outcomes if isinstance(outcome, Stored)] == [key(1), key(2)]
    assert sorted(store.list("masks/")) == [key(1), key(2)]


@pytest.mark.parametrize("company", [0, 1])
def test_a_mask_that_the_store_never_takes_is_given_up_in_the_end(company: int) -> None:
    others = [answer(2) for _ in range(company)]
    store = Choosy({key(1)})
    first = store_all(store, [answer(1), *others])[0][0]
    last = store_all(store, [answer(1, deferrals=50), *others])[0][0]
    assert isinstance(first, Retry)
    assert (first.code, first.deferred, first.counted) == ("object_failed", True, False)
    assert isinstance(last, Quarantined)


def test_a_store_that_is_away_is_waited_for() -> None:
    outcomes, _ = store_all(Choosy({key(1), key(2)}, away=True), [answer(1), answer(2, deferrals=50)])
    assert all(isinstance(one, Retry) and not one.counted and not one.deferred for one in outcomes)


def test_each_mask_is_a_sign_of_life() -> None:
    """A store that is slow takes minutes for a batch, and its process must not look hung."""
    assert store_all(Choosy(set()), [answer(n) for n in range(8)])[1] >= 8
