"""What the protection costs: leases, attempts, heartbeats, fence, release and sweeps, against writing rows straight.

`python -m benchmarks.protection` runs the shipped pipeline with the starter pack over the same photos, with the ledger
as shipped and with one that only reads ids and writes rows, in turns, and prints medians and their ratio.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import sqlalchemy as sa
import torch

from catalog import results
from catalog.ledger import ClaimedImage, Ledger
from catalog.outcomes import Outcome, Stored
from tests.acceptance.photos import write_catalog
from workers.embedded import services
from workers.fetching import Fetcher
from workers.model_cache import ModelCache
from workers.periodic import Periodic
from workers.pipeline import Pipeline
from workers.retry import RetryPolicy
from workers.runtime import Runtime
from workers.settings import Settings
from workers.setup import prepare
from workers.storing import Storer

PHOTOS, CHUNK, ROUNDS = 256, 128, 7
TABLES = ("classifications", "detections", "segments", "embeddings")

READ = sa.text(
    """
    SELECT i.id, i.sha256, i.object_key, array_agg(w.model_version_id) AS versions
    FROM work_items w JOIN images i ON i.id = w.image_id WHERE i.id = ANY(CAST(:ids AS bigint[])) GROUP BY i.id
    """
)
DONE = sa.text(
    """
    UPDATE work_items w SET state = 'done', finished_at = clock_timestamp()
    FROM unnest(CAST(:images AS bigint[]), CAST(:versions AS bigint[])) o (image_id, version_id)
    WHERE (w.image_id, w.model_version_id) = (o.image_id, o.version_id)
    """
)


class BareLedger(Ledger):
    """Reads ids and writes rows; who dies, dies with them."""

    def claim(self, image_ids: Sequence[int], token: UUID, *, top_up_to: int = 0) -> list[ClaimedImage]:
        with self._engine.begin() as connection:
            rows = connection.execute(READ, {"ids": list(image_ids)}).all()
        return [ClaimedImage(r.id, r.sha256, r.object_key, frozenset(r.versions), 1) for r in rows]

    def settle(self, token: UUID, outcomes: Sequence[Outcome]) -> int:
        stored = [outcome for outcome in outcomes if isinstance(outcome, Stored)]
        keys = [outcome.key for outcome in stored]
        with self._engine.begin() as connection:
            results.write(connection, stored)
            images, versions = [k.image_id for k in keys], [k.model_version_id for k in keys]
            connection.execute(DONE, {"images": images, "versions": versions})
        return 0

    def heartbeat(self, token: UUID) -> int:
        return 0

    def release(self, token: UUID, delay: timedelta = timedelta()) -> int:
        return 0


def main() -> None:
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch) / "home"
        try:
            os.environ.update(
                services.up(home).environment(), TAGMILL_HOME=str(home), TAGMILL_LOG_LEVEL="ERROR"
            )
            measure(Runtime(Settings()), Path(scratch))
        finally:
            services.down(home)


def measure(runtime: Runtime, folder: Path) -> None:
    prepare(runtime)
    ingest = [
        sys.executable,
        "-m",
        "workers.cli",
        "ingest",
        str(write_catalog(folder / "photos", PHOTOS)),
        "--json",
    ]
    subprocess.run(ingest, check=True, stdout=subprocess.DEVNULL)
    with runtime.engine.connect() as connection:
        ids = list(connection.scalars(sa.text("SELECT id FROM images ORDER BY id")))
    bare = BareLedger(runtime.engine, lease=timedelta(seconds=30), max_attempts=4, chunk_size=CHUNK)
    models = ModelCache(runtime.engine, runtime.store, runtime.settings.weights_cache, "cpu")
    seconds: dict[str, list[float]] = {"on": [], "off": []}
    run(runtime, runtime.ledger, models, ids)  # warm
    for turn in range(2 * ROUNDS):
        name = ("on", "off")[turn % 2 if turn // 2 % 2 else 1 - turn % 2]
        seconds[name].append(
            run(runtime, runtime.ledger if name == "on" else bare, models, ids, sweeps=name == "on")
        )
    report(seconds)


def run(
    runtime: Runtime, ledger: Ledger, models: ModelCache, ids: Sequence[int], *, sweeps: bool = False
) -> float:
    """Seconds for all photos, chunk by chunk."""
    config = runtime.settings
    reset(runtime.engine)
    policy = RetryPolicy(config.max_attempts)
    pipeline = Pipeline(
        ledger,
        models,
        Fetcher(runtime.store, runtime.limits, config.fetch_threads),
        Storer(ledger, runtime.store, policy, config.fetch_threads),
        policy,
        store_batch=config.store_batch,
        beat_seconds=config.lease_seconds / 3,
        top_up_to=0,
    )
    sweeper = Periodic(
        "sweep", config.sweep_seconds, lambda: (ledger.sweep(), ledger.forget_published(None), None)[2]
    )
    if sweeps:
        sweeper.start()
    started = time.perf_counter()
    for start in range(0, len(ids), CHUNK):
        pipeline.run(ids[start : start + CHUNK])
    seconds = time.perf_counter() - started
    sweeper.stop()
    return seconds


def reset(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        for table in TABLES:
            connection.execute(sa.text(f"DELETE FROM {table}"))
        connection.execute(
            sa.text(
                "UPDATE work_items SET state = 'pending', attempts = 0, published_at = NULL, finished_at = NULL"
            )
        )


def report(seconds: dict[str, list[float]]) -> None:
    on, off = (statistics.median(seconds[name]) for name in ("on", "off"))
    pairs = [a / b - 1 for a, b in zip(seconds["on"], seconds["off"], strict=True)]
    figures = {
        "machine": f"{os.cpu_count()} x {platform.machine()}",
        "photos": PHOTOS,
        "rounds": ROUNDS,
        "photos_per_second_on": round(PHOTOS / on, 2),
        "photos_per_second_off": round(PHOTOS / off, 2),
        "cost_of_medians_percent": round(100 * (on / off - 1), 2),
        "cost_median_of_pairs_percent": round(100 * statistics.median(pairs), 2),
        "seconds_on": [round(s, 2) for s in seconds["on"]],
        "seconds_off": [round(s, 2) for s in seconds["off"]],
    }
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
