"""`tagmill plan` against the run that follows: for each starter task a sample, a forecast, and how long it then took.

`python -m benchmarks.forecasts [--quick]`. Photos of 1000 pixels, workers as shipped and already running, services on
the same cores. A forecast is good where the run takes between 0.8 and 1.2 of it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from benchmarks.lanes import write_manifest
from benchmarks.photos import write_photos
from benchmarks.rows import Row, run
from benchmarks.scratch import scratch
from benchmarks.shop import Shop, open_shop
from benchmarks.throughput import ALL, HOME

SAMPLE = 512  # two messages a process


def measure(quick: bool) -> list[Row]:
    count = SAMPLE + (1_024 if quick else 4_096)
    photos = HOME.absolute() / "photos"
    write_photos(photos, count)
    with scratch() as place:
        shop = open_shop(place, ALL, HOME.absolute() / "cache")
        with shop.runtime.engine.begin() as connection:
            models = connection.scalars(sa.text("SELECT name FROM model_versions ORDER BY id")).all()
            connection.execute(sa.text("UPDATE model_versions SET on_ingest = false"))
        shop.ingest(write_manifest(place.folder, photos, "photos.csv", range(count)))
        with shop.workers(place.folder / "workers.log"):
            found = {model: _forecast_and_run(shop, model) for model in models}
    rows = [
        Row(f"run ÷ forecast, {model}", took / told, "×", None, True, f"{told:.0f} s told")
        for model, (told, took) in found.items()
    ]
    worst = max(abs(took / told - 1) for told, took in found.values())
    return [
        *rows,
        Row(f"forecast of {count - SAMPLE:,} photos, worst error", worst, "share", 0.2, at_least=False),
    ]


def _forecast_and_run(shop: Shop, model: str) -> tuple[float, float]:
    """Seconds that were told, and that it took from then on."""
    told = _json(shop, "plan", model, "--sample", str(SAMPLE))
    with shop.runtime.engine.connect() as connection:
        asked: datetime = connection.execute(sa.text("SELECT now()")).scalar_one()
    job = _json(shop, "process", model)["job_id"]
    query = "SELECT state, last_finished_at, created_at FROM job_progress WHERE job_id = :job"
    while True:
        with shop.runtime.engine.connect() as connection:
            row = connection.execute(sa.text(query), {"job": job}).one()
        if row.state == "finished":
            seconds = (datetime.fromisoformat(told["done_at"]) - asked).total_seconds()
            return seconds, (row.last_finished_at - row.created_at).total_seconds()
        time.sleep(0.5)


def _json(shop: Shop, *arguments: str) -> Any:
    command = [sys.executable, "-m", "workers.cli", *arguments, "--json"]
    return json.loads(
        subprocess.run(command, check=True, env=shop.environment, stdout=subprocess.PIPE).stdout
    )


if __name__ == "__main__":
    run(__doc__, measure)
