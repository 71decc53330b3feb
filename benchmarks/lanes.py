"""A fresh photo while a million items wait: seconds from its ingest's begin to its rows, and how the backlog fares.

`python -m benchmarks.lanes [--quick]`; quick has 100,000 items wait and uploads fewer photos. All four starter tasks,
workers as shipped, services on the same cores. One photo comes every few seconds, as uploads do.
"""

from __future__ import annotations

import csv
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import sqlalchemy as sa

from benchmarks.photos import name, write_photos
from benchmarks.rows import Row, run
from benchmarks.scratch import scratch
from benchmarks.shop import Shop, open_shop
from benchmarks.throughput import ALL, HOME
from workers.intake import ingest_manifest
from workers.runtime import Runtime
from workers.settings import settings

STORED = 512  # photos in the store that the backlog's rows point to
EVERY = 3.0  # seconds between uploads

# As many photos as wait, over the objects there are.
BACKLOG = """
    INSERT INTO images (sha256, object_key, format, bytes, width, height)
    SELECT encode(sha256(('more' || n)::bytea), 'hex'), keys[1 + n % cardinality(keys)], 'JPEG', 100000, 1000, 1000
    FROM generate_series(1, :count) n, (SELECT array_agg(object_key) AS keys FROM images) stored
"""


def measure(quick: bool) -> list[Row]:
    items, uploads = (100_000, 15) if quick else (1_000_000, 60)
    photos = HOME.absolute() / "photos"
    write_photos(photos, STORED + uploads)
    with scratch() as place:
        shop = open_shop(place, ALL, HOME.absolute() / "cache")
        shop.ingest(write_manifest(place.folder, photos, "stored.csv", range(STORED)))
        _fill(shop, items // len(ALL))
        with shop.workers(place.folder / "workers.log"):
            _until_warm(shop)
            alone = _rate(shop, lambda: time.sleep(30))

            def uploads_come() -> None:
                manifests = [
                    str(write_manifest(place.folder, photos, f"{n}.csv", [STORED + n]))
                    for n in range(uploads)
                ]
                subprocess.run(
                    [sys.executable, "-c", "from benchmarks.lanes import upload; upload()", *manifests],
                    env=shop.environment,
                    check=True,
                )
                _until_fresh_is_done(shop)

            meanwhile = _rate(shop, uploads_come)
            seconds = _latencies(shop)
    if len(seconds) != uploads:
        raise SystemExit(f"of {uploads} uploads {len(seconds)} were done")
    waiting = f"{items:,} items wait"
    return [
        Row(f"fresh photo, ingest to rows, p95, {waiting}", _p95(seconds), "s", 5.0, at_least=False),
        Row("fresh photo, ingest to rows, median", statistics.median(seconds), "s", None, at_least=False),
        Row("backlog beside fresh photos ÷ alone", meanwhile / alone, "×", None, at_least=True),
    ]


def upload() -> None:
    """Ingest each manifest of the arguments, one every few seconds. Run in a process of its own."""
    runtime = Runtime(settings())
    for manifest in sys.argv[1:]:
        ingest_manifest(runtime, manifest, lane="fresh")
        time.sleep(EVERY)


def write_manifest(folder: Path, photos: Path, file: str, numbers: Sequence[int]) -> Path:
    path = folder / file
    with path.open("w", newline="") as out:
        rows = csv.writer(out)
        rows.writerow(("sku", "photo"))
        rows.writerows((f"SKU-{n}", name(n)) for n in numbers)
    for n in numbers:
        copy = folder / name(n)
        if not copy.exists():
            shutil.copy(photos / name(n), copy)
    return path


def _fill(shop: Shop, photos: int) -> None:
    with shop.runtime.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text(BACKLOG), {"count": photos})
        for version in connection.scalars(sa.text("SELECT name FROM model_versions ORDER BY id")).all():
            shop.tagmill("process", version)
        connection.execute(sa.text("VACUUM ANALYZE"))


def _done(shop: Shop, lane: str) -> int:
    query = """
        SELECT count(*) FROM work_items w JOIN jobs j ON j.id = w.job_id WHERE j.lane = :lane AND w.state = 'done'
    """
    with shop.runtime.engine.connect() as connection:
        return int(connection.scalar(sa.text(query), {"lane": lane}) or 0)


def _until_warm(shop: Shop) -> None:
    while _done(shop, "backlog") < 2000:
        time.sleep(0.5)


def _until_fresh_is_done(shop: Shop) -> None:
    query = """
        SELECT count(*) FROM work_items w JOIN jobs j ON j.id = w.job_id WHERE j.lane = 'fresh' AND w.state <> 'done'
    """
    until = time.monotonic() + 60
    while time.monotonic() < until:
        with shop.runtime.engine.connect() as connection:
            if not connection.scalar(sa.text(query)):
                return
        time.sleep(0.2)


def _rate(shop: Shop, during: Callable[[], object]) -> float:
    """Items of the backlog a second while something goes on."""
    before, started = _done(shop, "backlog"), time.monotonic()
    during()
    return (_done(shop, "backlog") - before) / (time.monotonic() - started)


def _latencies(shop: Shop) -> list[float]:
    """For each upload, seconds from its job's begin to its last row, by Postgres' clock."""
    query = """
        SELECT extract(epoch FROM max(w.finished_at) - j.created_at)::float8
        FROM jobs j JOIN work_items w ON w.job_id = j.id WHERE j.lane = 'fresh' AND w.state = 'done' GROUP BY j.id
    """
    with shop.runtime.engine.connect() as connection:
        return list(connection.scalars(sa.text(query)))


def _p95(seconds: list[float]) -> float:
    return sorted(seconds)[max(0, -(-95 * len(seconds) // 100) - 1)]


if __name__ == "__main__":
    run(__doc__, measure)
