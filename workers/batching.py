"""Arithmetic of batches: pure functions, no photos and no networks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def batched(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Runs of at most `size`, in order."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def bisect(
    run: Callable[[Sequence[T]], Sequence[R]], items: Sequence[T], halve_on: type[Exception] = Exception
) -> list[R | Exception]:
    """Run a batch; where it fails, run its halves, down to the item that fails alone.

    Returns one result or one exception an item, in order. With k culprits among n items it takes about
    2·k·log2(n) runs.
    """
    if not items:
        return []
    failure: Exception
    try:
        return list(run(items))
    except halve_on as error:
        failure = error.with_traceback(None)  # a traceback would keep the failed batch's tensors alive
    # Outside the `except`: there the interpreter still holds the frame, and with it the memory of the batch.
    if len(items) == 1:
        return [failure]
    middle = len(items) // 2
    return bisect(run, items[:middle], halve_on) + bisect(run, items[middle:], halve_on)
