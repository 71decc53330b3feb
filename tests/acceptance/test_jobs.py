"""Jobs as people handle them, with real workers: held, given up, passed by fresh photos, tried again, forecast."""

from __future__ import annotations

import socket
import subprocess
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from catalog import versions
from tests.acceptance.conftest import EACH, TAGMILL, System
from tests.acceptance.photos import write_catalog

PHOTOS = 120


def refused(system: System, *arguments: str) -> str:
    done = subprocess.run(
        [*TAGMILL, *arguments], env=system.environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    return done.stderr


def until(system: System, job: int, **wanted: Any) -> dict[str, Any]:
    deadline = time.monotonic() + 60
    while True:
        found: dict[str, Any] = system.json("jobs", "show", str(job))
        if all(found[name] == value for name, value in wanted.items()):
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.3)


def test_paused_cancelled_asked_for_again(system: System, tmp_path: Path) -> None:
    job = system.json("ingest", str(write_catalog(tmp_path / "catalog", PHOTOS)))["job_id"]
    assert system.json("jobs", "pause", str(job))["state"] == "paused"
    system.drain()  # ends at once: what is on hold is not waited for
    assert until(system, job)["done"] == 0
    assert "job" in refused(system, "jobs", "pause", str(job))
    assert system.json("jobs", "resume", str(job))["state"] == "running"
    assert system.json("jobs", "cancel", str(job))["state"] == "cancelled"
    assert "ask for the work anew" in refused(system, "jobs", "resume", str(job))
    assert "there is no job 999" in refused(system, "jobs", "cancel", "999")
    assert system.value("SELECT count(*) FROM work_items WHERE state = 'cancelled'") == EACH * PHOTOS

    some = system.json("process", "product-type", "--where", "sku=SKU-0|SKU-1")
    assert some["work_new"] == 2
    assert "is no condition" in refused(system, "process", "product-type", "--where", "sku")
    again = system.json("ingest", str(tmp_path / "catalog" / "products.csv"))
    assert again["work_new"] == EACH * PHOTOS - 2
    system.drain()
    assert system.rows("SELECT state, count(*) FROM work_items GROUP BY 1") == [("done", EACH * PHOTOS)]
    listed = {found["job_id"]: found["state"] for found in system.json("jobs", "list")}
    assert listed[job] == "cancelled"
    assert set(listed.values()) == {"cancelled", "finished"}


def test_fresh_photos_pass_the_backlog_and_metrics_tell_it(system: System, tmp_path: Path) -> None:
    bulk = system.json("ingest", str(write_catalog(tmp_path / "bulk", PHOTOS)))["job_id"]
    port = free_port()
    upload = system.json("ingest", str(write_catalog(tmp_path / "upload", 3, start=PHOTOS)), "--fresh")[
        "job_id"
    ]
    system.start_worker("-c", "1", metrics_port=str(port))
    until(system, upload, state="finished", done=3 * EACH)
    until(system, bulk, state="finished", done=EACH * PHOTOS)
    ends = dict(system.rows("SELECT job_id, max(finished_at) FROM work_items GROUP BY 1"))
    assert ends[upload] < ends[bulk]  # although its messages waited before

    def told() -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            return str(answer.read().decode())

    counted = f'tagmill_photos_total{{code="",model="product-type@1",outcome="stored"}} {PHOTOS + 3}.0'
    system.wait_for(lambda: counted in told(), 10)
    assert 'tagmill_model_form{device="cpu",form="eager",model="product-type@1"} 1.0' in told()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_plan_tells_what_a_run_takes_and_a_sample_what_it_finds(system: System, tmp_path: Path) -> None:
    manifest = str(write_catalog(tmp_path / "catalog", PHOTOS))
    system.json("ingest", manifest, "--model", "product-embedding")
    system.drain()
    before = system.json("plan", "product-type")
    assert (before["stale"], before["photos"], before["seconds_a_photo"]) == (PHOTOS, PHOTOS, None)
    system.start_worker()
    sampled = system.json("plan", "product-type", "--sample", "40")
    assert sampled["stale"] == PHOTOS - 40
    assert sampled["seconds_a_photo"] > 0
    assert sampled["done_at"]
    assert sum(found["photos"] for found in sampled["sample"]["found"]) == 40


def test_a_candidate_is_filled_promoted_and_rolled_back(system: System, tmp_path: Path) -> None:
    system.json("ingest", str(write_catalog(tmp_path / "catalog", PHOTOS)), "--model", "product-type")
    system.drain()
    spec = system.value("SELECT spec FROM model_versions WHERE name = 'product-type'")
    with system.engine.begin() as connection:
        versions.register(connection, {**spec, "version": 2})
    assert f"{PHOTOS} were never run" in refused(system, "models", "promote", "product-type@2")
    assert "no other version" in refused(system, "models", "rollback", "product-type")
    system.json("process", "product-type@2", "--limit", "20")
    system.start_worker()
    filled = system.json("models", "promote", "product-type@2", "--fill")
    assert filled == {
        "model": "product-type@2",
        "retired": "product-type@1",
        "done": PHOTOS,
        "failed": 0,
        "photos": PHOTOS,
        "lost": 0,
    }
    assert system.value("SELECT count(DISTINCT image_id) FROM product_tags WHERE model_version = 2") > 0
    assert "serves already" in refused(system, "models", "promote", "product-type@2", "--fill")
    assert system.json("models", "rollback", "product-type")["model"] == "product-type@1"
    assert system.value("SELECT count(*) FROM product_tags WHERE model_version = 2") == 0


def test_scheduled_work_is_listed_and_done_by_a_worker(system: System, tmp_path: Path) -> None:
    system.environment |= {"TAGMILL_REPROCESS_AT": "30 1 * * *", "TAGMILL_REPROCESS_PACE": "500"}
    system.json("ingest", str(write_catalog(tmp_path / "catalog", 8)), "--model", "product-type")
    listed = {found["schedule"]: found for found in system.json("schedule", "list")}
    assert listed["reprocess"]["limits"] == "6 h, 500 photos/s"
    assert "T01:30:00" in listed["reprocess"]["next"]
    assert (listed["collect"]["next"], listed["reprocess"]["last"]) == (None, None)
    system.start_worker("-c", "1")
    assert system.json("schedule", "run", "reprocess")["schedule"] == "reprocess"
    system.wait_for(lambda: system.rows("SELECT * FROM scheduled_runs") != [], 60)
    system.wait_for(
        lambda: system.value("SELECT count(*) FROM work_items WHERE state = 'done'") == 8 * EACH, 60
    )
    assert "photos/s" in system.run("schedule", "list")
    (found,) = (one for one in system.json("schedule", "list") if one["last"])
    assert (found["schedule"], found["last"]["error"]) == ("reprocess", None)


@pytest.mark.parametrize("command", ["list", "show", "pause", "resume", "cancel", "retry"])
def test_every_command_of_jobs_has_help_with_an_example(command: str) -> None:
    done = subprocess.run([*TAGMILL, "jobs", command, "--help"], capture_output=True, text=True, check=True)
    assert command == "list" or f"tagmill jobs {command}" in done.stdout
