"""Halving a failing batch down to its culprits."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.batching import batched, bisect


@given(st.lists(st.integers()), st.integers(1, 9))
def test_batches_are_full_but_the_last_and_keep_order(items: list[int], size: int) -> None:
    batches = [list(batch) for batch in batched(items, size)]
    assert [item for batch in batches for item in batch] == items
    assert all(len(batch) == size for batch in batches[:-1])
    assert all(0 < len(batch) <= size for batch in batches)


@given(st.integers(0, 70), st.sets(st.integers(0, 69), max_size=6))
def test_exactly_the_culprits_fail_and_order_is_kept(count: int, culprits: set[int]) -> None:
    culprits = {n for n in culprits if n < count}
    runs = 0

    def run(batch: Sequence[int]) -> list[str]:
        nonlocal runs
        runs += 1
        if found := culprits.intersection(batch):
            raise ValueError(sorted(found))
        return [str(n) for n in batch]

    results = bisect(run, range(count))
    assert len(results) == count
    for n, result in enumerate(results):
        if n in culprits:
            assert isinstance(result, ValueError)
            assert result.args == ([n],)
        else:
            assert result == str(n)
    assert runs <= 1 + 2 * len(culprits) * math.ceil(math.log2(max(2, count)))


@pytest.mark.parametrize("error", [KeyError("elsewhere"), KeyboardInterrupt()])
def test_other_errors_than_those_to_halve_on_are_raised_at_once(error: BaseException) -> None:
    runs: list[int] = []

    def run(batch: Sequence[int]) -> list[int]:
        runs.append(len(batch))
        raise error

    with pytest.raises(type(error)):
        bisect(run, [1, 2, 3], halve_on=ValueError)
    assert runs == [3]


def test_an_error_that_is_kept_keeps_no_frames_alive() -> None:
    def run(batch: Sequence[int]) -> list[int]:
        raise ValueError(len(batch))

    results = bisect(run, [1, 2, 3])
    assert [result.__traceback__ for result in results if isinstance(result, Exception)] == [None] * 3
