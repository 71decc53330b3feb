"""Many objects at a time, in bounded memory."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice

from workers.backup.objects import Fate, Listed

_BATCH = 8
Moved = list[tuple[Listed, Fate]]


def transfer(
    listed: Iterable[Listed],
    move: Callable[[Listed], Fate],
    *,
    threads: int,
    on_moved: Callable[[Moved], None],
) -> Counter[Fate]:
    """Move all of `listed` in threads; returns how many fared how. The first error ends it, and is raised.

    `on_moved` is called in this thread, with a few objects at a time.
    """
    fates: Counter[Fate] = Counter()
    for moved in _in_order(listed, move, threads):
        fates.update(fate for _, fate in moved)
        on_moved(moved)
    return fates


def _in_order(listed: Iterable[Listed], move: Callable[[Listed], Fate], threads: int) -> Iterator[Moved]:
    pool = ThreadPoolExecutor(threads, thread_name_prefix="object")
    waiting: deque[Future[Moved]] = deque()
    try:
        for batch in _batches(listed):
            if len(waiting) >= 4 * threads:
                yield waiting.popleft().result()
            waiting.append(pool.submit(_move_all, batch, move))
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _move_all(batch: list[Listed], move: Callable[[Listed], Fate]) -> Moved:
    return [(one, move(one)) for one in batch]


def _batches(listed: Iterable[Listed]) -> Iterator[list[Listed]]:
    source = iter(listed)
    while batch := list(islice(source, _BATCH)):
        yield batch
