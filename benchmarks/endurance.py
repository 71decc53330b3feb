"""Does a photo cost the same after 100,000 others, and does a worker's memory stay? Small photos, one classifier.

`python -m benchmarks.endurance [--quick]`; without --quick it takes ten minutes or more.
"""

from __future__ import annotations

import statistics
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from benchmarks.photos import SMALL, write_photos
from benchmarks.rows import Row, run
from benchmarks.scratch import scratch
from benchmarks.shop import Shop, open_shop
from benchmarks.throughput import HOME, ONE

EARLY = 1000
LATE, LATE_QUICK = 100_000, 6000
MEMORY_SECONDS = 1.0
PAGE_KB = 4


def measure(quick: bool) -> list[Row]:
    count = LATE_QUICK if quick else LATE
    manifest = write_photos(HOME.absolute() / "small", count, SMALL)
    with scratch() as place:
        shop = open_shop(place, ONE, HOME.absolute() / "cache")
        shop.ingest(manifest)
        shop.reset()
        with shop.workers(place.folder / "workers.log") as host, watched(host.pid) as memory:
            shop.seconds()
        early, late = _seconds_a_photo(shop, 0, EARLY * 2), _seconds_a_photo(shop, count - EARLY * 2, count)
    grown = statistics.median(memory[-5:]) / statistics.median(memory[len(memory) // 10 :][:5])
    return [
        Row(
            f"cost of a photo, last of {count:,} ÷ first",
            late / early,
            "×",
            1.1,
            at_least=False,
            note=f"{1000 * early:.2f} and {1000 * late:.2f} ms",
        ),
        Row("memory of a worker process, largest", max(memory), "MB", 1200, at_least=False),
        Row("memory of a worker process, end ÷ a tenth of the way", grown, "×", 1.1, at_least=False),
    ]


def _seconds_a_photo(shop: Shop, start: int, stop: int) -> float:
    """Of the photos done as number `start` to `stop`, but for the first chunks, in which models load."""
    query = sa.text(
        """
        SELECT extract(epoch FROM max(finished_at) - min(finished_at)) / (count(*) - 1)
        FROM (SELECT finished_at FROM work_items ORDER BY finished_at OFFSET :skip LIMIT :count) done
        """
    )
    skip = max(start, 256)
    with shop.runtime.engine.connect() as connection:
        return float(connection.scalar(query, {"skip": skip, "count": stop - skip}))


@contextmanager
def watched(host: int) -> Iterator[list[float]]:
    """Megabytes of the host's largest process, each second, until the block ends."""
    found: list[float] = []
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(MEMORY_SECONDS):
            if sizes := [_megabytes(pid) for pid in _children(host)]:
                found.append(max(sizes))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield found
    finally:
        ended.set()
        thread.join()


def _children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(one) for one in text.split()]


def _megabytes(pid: int) -> float:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_KB / 1024
    except OSError:  # it has just ended
        return 0.0


if __name__ == "__main__":
    run(__doc__, measure)
