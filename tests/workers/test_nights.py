"""Scheduled work: reprocessing in its window, collecting, statistics; once, and gone on with when cut short."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from catalog import promotion, schedules
from catalog.asset_store import image_key
from tests.acceptance.photos import write_catalog
from tests.catalog.shop import add_images, add_product, add_version, execute, plan, rows
from workers import due
from workers.nights import NIGHTS
from workers.runtime import Runtime
from workers.settings import Settings

NOW = datetime.now(UTC).replace(microsecond=0)


def run(runtime: Runtime, schedule: str, at: datetime = NOW, *, ending: bool = False) -> None:
    due.run(runtime, NIGHTS[schedule], at, lambda: ending)


def jobs_of(runtime: Runtime) -> list[dict[str, Any]]:
    query = "SELECT kind, subject, state, items, done FROM job_progress ORDER BY job_id"
    names = ("kind", "subject", "state", "items", "done")
    return [dict(zip(names, row, strict=True)) for row in rows(runtime.engine, query)]


def summary(runtime: Runtime) -> dict[str, Any]:
    ((found,),) = rows(runtime.engine, "SELECT summary FROM jobs ORDER BY id DESC LIMIT 1")
    return dict(found)


def set_up(runtime: Runtime, monkeypatch: pytest.MonkeyPatch, **settings: str) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(f"TAGMILL_{name.upper()}", value)
    runtime.settings = Settings()


def test_photos_that_lack_what_new_photos_get_are_run_within_a_window(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_up(runtime, monkeypatch, reprocess_hours="5", reprocess_pace="40")
    first, second = (add_version(runtime.engine, name).id for name in ("product-type", "product-mask"))
    add_version(runtime.engine, "product-cutout", on_ingest=False)
    add_version(runtime.engine, "product-type", 2)
    images = add_images(runtime.engine, 6)
    add_product(runtime.engine, "A", images[:5])  # and one made way for another
    plan(runtime.engine, images[:3], first)
    run(runtime, "reprocess")
    run(runtime, "reprocess")
    night = {
        "kind": "process",
        "subject": "product-mask@1, product-type@1",
        "state": "running",
        "items": 3 + 2 * 2,
        "done": 0,
    }
    assert jobs_of(runtime)[1:] == [night]
    assert rows(runtime.engine, "SELECT pause_at, pace, lane FROM jobs ORDER BY id DESC LIMIT 1") == [
        (NOW + timedelta(hours=5), 40.0, "backlog")
    ]
    assert rows(runtime.engine, "SELECT DISTINCT model_version_id FROM work_items ORDER BY 1") == [
        (first,),
        (second,),
    ]


def test_what_is_left_at_the_end_of_a_night_goes_on_in_the_next(runtime: Runtime) -> None:
    add_version(runtime.engine)
    add_product(runtime.engine, "A", add_images(runtime.engine, 3))
    run(runtime, "reprocess")
    execute(runtime.engine, "UPDATE jobs SET pause_at = now()")
    runtime.ledger.sweep()
    assert [job["state"] for job in jobs_of(runtime)] == ["paused"]
    run(runtime, "reprocess", NOW + timedelta(days=1))
    assert [(job["state"], job["items"]) for job in jobs_of(runtime)] == [("running", 3), ("finished", 0)]
    assert len(summary(runtime)["resumed"]) == 1


def test_a_night_that_is_heard_of_too_late_is_left_out(runtime: Runtime) -> None:
    add_version(runtime.engine)
    add_product(runtime.engine, "A", add_images(runtime.engine, 3))
    run(runtime, "reprocess", NOW - timedelta(hours=6))
    assert summary(runtime) == {"items": 0, "skipped": "its time window was over"}
    assert [job["items"] for job in jobs_of(runtime)] == [0]


def test_a_manifest_is_taken_in_before_and_a_wrong_one_is_a_failure_to_be_seen(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    runtime.store.ensure_bucket()
    add_version(runtime.engine)
    manifest = write_catalog(tmp_path / "catalog", 4)
    set_up(runtime, monkeypatch, reprocess_manifest=str(manifest))
    run(runtime, "reprocess")
    assert [(job["kind"], job["items"]) for job in jobs_of(runtime)] == [("process", 0), ("ingest", 4)]
    set_up(runtime, monkeypatch, reprocess_manifest=str(tmp_path / "none.csv"))
    run(runtime, "reprocess", NOW + timedelta(seconds=1))
    ((stage, code, reason),) = rows(runtime.engine, "SELECT stage, code, reason FROM failures")
    assert (stage, code) == ("reprocess", "reprocess_failed")
    assert "none.csv" in reason
    assert [job["state"] for job in jobs_of(runtime)] == ["finished", "running", "failed"]


def test_many_who_hear_of_it_at_once_do_it_once(runtime: Runtime) -> None:
    add_version(runtime.engine)
    add_product(runtime.engine, "A", add_images(runtime.engine, 3))
    start = Barrier(4)

    def one(_: int) -> None:
        start.wait()
        run(runtime, "reprocess")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(one, range(4)))
    assert [job["items"] for job in jobs_of(runtime)] == [3]


def test_what_a_stopped_worker_left_behind_is_gone_on_with(runtime: Runtime) -> None:
    add_version(runtime.engine)
    add_product(runtime.engine, "A", add_images(runtime.engine, 3))
    run(runtime, "reprocess", ending=True)
    assert due.left_behind(runtime, "reprocess") == [NOW]
    assert due.left_behind(runtime, "collect") == []
    run(runtime, "reprocess")
    assert due.left_behind(runtime, "reprocess") == []
    assert [(job["state"], job["items"]) for job in jobs_of(runtime)] == [("running", 3)]
    with runtime.engine.connect() as connection:
        (found,) = schedules.newest(connection).values()
    assert (found.schedule, found.scheduled_for, found.error) == ("reprocess", NOW, None)
    assert found.closed_at is not None


def test_what_nobody_wants_back_is_collected(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    set_up(runtime, monkeypatch, keep_retired_days="2")
    runtime.store.ensure_bucket()
    run(runtime, "collect")  # an empty catalog
    assert summary(runtime) == {"versions": [], "items": 0, "masks": 0}
    first = add_version(runtime.engine, "product-type", 1).id
    add_version(runtime.engine, "product-type", 2)
    plan(runtime.engine, add_images(runtime.engine, 3), first)
    execute(runtime.engine, "UPDATE work_items SET state = 'cancelled'")
    with runtime.engine.begin() as connection:
        promotion.promote(connection, "product-type@2", anyway=True)
    execute(
        runtime.engine, "UPDATE model_versions SET retired_at = now() - interval '3 days' WHERE version = 1"
    )
    runtime.store.put(image_key("f" * 64, "JPEG"), b"young", "image/jpeg")
    run(runtime, "collect", NOW + timedelta(days=1))
    told = {"versions": ["product-type@1"], "items": 3, "masks": 0, "objects": 1, "orphans": 0}
    assert summary(runtime) == told
    assert [job["kind"] for job in jobs_of(runtime) if job["state"] == "finished"].count("collect") == 2


def test_statistics_are_refreshed(runtime: Runtime) -> None:
    add_images(runtime.engine, 50)
    run(runtime, "statistics")
    assert rows(runtime.engine, "SELECT reltuples FROM pg_class WHERE relname = 'images'") == [(50.0,)]
