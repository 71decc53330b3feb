"""Seconds from starting a worker host to its first stored result, with networks compiled and weights fetched before."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

import sqlalchemy as sa

from benchmarks.photos import write_photos
from benchmarks.rows import Row, run
from benchmarks.scratch import scratch
from benchmarks.shop import Shop, open_shop
from benchmarks.throughput import HOME, ONE

PHOTOS = 8


def measure(quick: bool) -> list[Row]:
    manifest = write_photos(HOME.absolute() / "photos", PHOTOS)
    with scratch() as place:
        shop = open_shop(place, ONE, HOME.absolute() / "cache")
        shop.ingest(manifest)
        first_result(shop, place.folder / "workers.log")  # whatever is cold is warm now
        found = []
        for _ in range(2 if quick else 5):
            shop.reset()
            shop.tagmill("process", "product-type")  # publishes
            found.append(first_result(shop, place.folder / "workers.log"))
    return [
        Row("worker start to first result, warm cache", statistics.median(found), "s", 6.0, at_least=False)
    ]


def first_result(shop: Shop, log: Path) -> float:
    """Seconds until a host that is started now has stored a photo's result."""
    started = time.monotonic()
    with shop.workers(log):
        while True:
            with shop.runtime.engine.connect() as connection:
                if connection.scalar(sa.text("SELECT EXISTS (SELECT FROM work_items WHERE state = 'done')")):
                    return time.monotonic() - started
            time.sleep(0.02)


if __name__ == "__main__":
    run(__doc__, measure)
