"""Twenty thousand photos, real workers, the real command line, and everything one may do to jobs meanwhile."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from catalog import versions
from catalog.asset_store import S3AssetStore
from tests.acceptance.conftest import TAGMILL, System
from tests.acceptance.photos import write_catalog

PHOTOS, FRESH, LATE, MISSING = 20_000, 60, 200, 50
SECONDS = 900.0


class Watched:
    """Jobs of a system, as `tagmill jobs show` tells of them."""

    def __init__(self, system: System) -> None:
        self.system = system

    def see(self, job: int) -> dict[str, Any]:
        found: dict[str, Any] = self.system.json("jobs", "show", str(job))
        return found

    def until(self, job: int, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        deadline = time.monotonic() + SECONDS
        while not condition(found := self.see(job)):
            assert time.monotonic() < deadline, found
            time.sleep(0.5)
        return found

    def over(self, job: int) -> dict[str, Any]:
        return self.until(job, lambda found: found["state"] == "finished")


@pytest.mark.chaos
@pytest.mark.timeout(3600)
def test_everything_at_once_and_the_counts_are_exact(
    system: System, store: S3AssetStore, tmp_path: Path
) -> None:
    system.environment["TAGMILL_ENGINE"] = "auto"
    shop = Watched(system)
    with system.engine.begin() as connection:
        connection.execute(
            sa.text("UPDATE model_versions SET on_ingest = false WHERE name <> 'product-type'")
        )
    manifest = str(write_catalog(tmp_path / "bulk", PHOTOS))
    bulk = _ingest(system, manifest)
    lost = {
        key: store.get(key)
        for (key,) in system.rows(f"SELECT object_key FROM images ORDER BY id LIMIT {MISSING}")
    }
    for key in lost:
        store.delete(key)
    system.start_worker()

    shop.until(bulk, lambda found: found["done"] > 2000)
    assert system.json("jobs", "pause", str(bulk))["state"] == "paused"
    paused = shop.until(bulk, lambda found: found["leased"] == 0)
    time.sleep(3)
    assert shop.see(bulk)["done"] == paused["done"]
    assert paused["done"] + paused["quarantined"] + paused["pending"] + paused["retry"] == PHOTOS
    system.json("jobs", "resume", str(bulk))

    shop.until(bulk, lambda found: found["done"] > paused["done"])
    upload = _ingest(system, str(write_catalog(tmp_path / "fresh", FRESH, start=PHOTOS)), "--fresh")
    shop.over(upload)
    assert shop.see(bulk)["pending"] > 5000
    first = shop.over(bulk)
    assert (first["done"], first["failures"]) == (PHOTOS - MISSING, {"object_missing": MISSING})

    spec = system.value("SELECT spec FROM model_versions WHERE name = 'product-type'")
    with system.engine.begin() as connection:
        versions.register(connection, {**spec, "version": 2})
    candidate = system.json("process", "product-type@2")
    assert candidate["work_new"] == PHOTOS + FRESH
    shop.until(candidate["job_id"], lambda found: found["done"] > 2000)
    system.json("jobs", "cancel", str(candidate["job_id"]))
    given_up = shop.until(candidate["job_id"], lambda found: found["state"] == "cancelled")
    assert given_up["done"] + given_up["quarantined"] + given_up["cancelled"] == PHOTOS + FRESH
    assert system.run("models", "promote", "product-type@2", expect=1) == ""

    # Filled, while photos of an ingest come in that are planned for the version that serves until then.
    with ThreadPoolExecutor(1) as pool:
        filling = pool.submit(_promote, system)
        late = _ingest(system, str(write_catalog(tmp_path / "late", LATE, start=PHOTOS + FRESH)))
        assert filling.result()["lost"] == 0
    shop.over(late)
    everything = PHOTOS + FRESH + LATE - MISSING
    shown = "SELECT model_version, count(DISTINCT image_id) FROM product_tags GROUP BY 1"
    ((version, tagged),) = system.rows(shown)
    assert (version, system.json("models", "rollback", "product-type")["model"]) == (2, "product-type@1")
    ((version, before),) = system.rows(shown)
    assert (version, before) == (1, tagged)  # the same weights
    system.json("models", "rollback", "product-type")

    for key, data in lost.items():
        store.put(key, data, "image/png")
    failed = system.value("SELECT count(*) FROM work_items WHERE state = 'quarantined'")
    assert failed >= MISSING
    assert system.json("jobs", "retry", "--code", "object_missing")["work_reopened"] == failed
    system.wait_for(lambda: not system.value("SELECT count(*) FROM work_items WHERE state <> 'done'"), 120)
    per_version = (
        "SELECT m.version, count(*), count(DISTINCT w.image_id) FROM work_items w JOIN model_versions m"
    )
    found = system.rows(f"{per_version} ON m.id = w.model_version_id GROUP BY 1 ORDER BY 1")
    best = "SELECT count(*) FROM classifications c JOIN model_versions m ON m.id = c.model_version_id"
    for version, items, images in found:
        assert items == images == system.value(f"{best} WHERE rank = 1 AND m.version = :v", v=version)
    assert found[0][1] == everything + MISSING - _only_second(system)
    assert found[1][1] == everything + MISSING


def _ingest(system: System, manifest: str, *options: str) -> int:
    found: int = system.json("ingest", manifest, *options)["job_id"]
    return found


def _only_second(system: System) -> int:
    """Photos that were taken in after the promotion."""
    query = """
        SELECT count(*) FROM images i WHERE NOT EXISTS (
            SELECT FROM work_items w JOIN model_versions m ON m.id = w.model_version_id
            WHERE w.image_id = i.id AND m.version = 1)
    """
    return int(system.value(query))


def _promote(system: System) -> dict[str, Any]:
    command = [*TAGMILL, "models", "promote", "product-type@2", "--fill", "--json"]
    done = subprocess.run(command, env=system.environment, capture_output=True, timeout=SECONDS, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found
