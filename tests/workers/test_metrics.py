"""What Prometheus is told: names as documented, processes added up, services that are away."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from catalog.ledger import Lane
from tests.catalog.shop import add_images, add_product, add_version, execute, make_ledger, plan
from workers import exporter
from workers.runtime import Runtime

PAGE = (Path(__file__).parents[2] / "docs" / "monitoring.md").read_text()
OF_EXPORTER, OF_WORKER = (
    set(re.findall(r"^\| `(tagmill_\w+)` \|", part, re.MULTILINE))
    for part in PAGE.split("| of the exporter")[1].split("| of a worker host")
)

TWO_PROCESSES = """
import os, sys
from workers import metrics
from prometheus_client import generate_latest
for n in range(2):
    if os.fork() == 0:
        with metrics.stage("infer"):
            pass
        metrics.PHOTOS.labels("shoes@1", "stored", "").inc(10 + n)
        metrics.BATCH_PHOTOS.observe(32)
        metrics.BUSY_SECONDS.inc(1.5)
        for each in (metrics.REFUSED, metrics.MADE_WAY, metrics.REPLACED):
            each.inc()
        metrics.REFUSED_MESSAGES.labels("not_sealed").inc()
        metrics.tell_form("shoes@1", "eager", "cpu")
        metrics.tell_form("shoes@1", "bf16", "cpu")
        if n:
            print(generate_latest(metrics.registry()).decode(), flush=True)
        os._exit(0)
    os.wait()
print("# all dead", flush=True)
print(generate_latest(metrics.registry()).decode())
print("folder", os.environ[metrics.FOLDER])
"""


def values(text: str) -> dict[tuple[str, ...], float]:
    """Samples by name and the values of their labels, these in the order of the labels' names."""
    return {
        (sample.name, *(sample.labels[name] for name in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def names(text: str) -> set[str]:
    return {
        re.sub("_(bucket|sum|count)$", "", sample.name)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_a_host_adds_up_its_processes_and_remembers_what_the_dead_counted() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PROMETHEUS_MULTIPROC_DIR"}
    done = subprocess.run(
        [sys.executable, "-c", TWO_PROCESSES], capture_output=True, text=True, check=True, env=environment
    )
    alive, _, dead = done.stdout.partition("# all dead\n")
    dead, _, folder = dead.partition("folder ")
    assert values(alive)["tagmill_photos_total", "", "shoes@1", "stored"] == 21
    # Of two processes one is alive, and its network runs in one form.
    assert values(alive)["tagmill_model_form", "cpu", "bf16", "shoes@1"] == 1
    assert values(alive)["tagmill_model_form", "cpu", "eager", "shoes@1"] == 0
    assert values(dead)["tagmill_busy_seconds_total",] == 3
    assert ("tagmill_model_form", "cpu", "bf16", "shoes@1") not in values(dead)
    assert names(alive) == OF_WORKER
    assert not Path(folder.strip()).exists()


HOST = """
import os, subprocess, sys
from workers import metrics
ask = [sys.executable, "-c", "import os; from workers import metrics; print(os.environ[metrics.FOLDER])"]
print(os.environ[metrics.FOLDER])
subprocess.run(ask, check=True)
os.environ[metrics.OF_HOST] = str(os.getpid())
subprocess.run(ask, check=True)
"""


def test_a_process_counts_in_its_hosts_folder_and_a_host_in_its_own() -> None:
    done = subprocess.run([sys.executable, "-u", "-c", HOST], capture_output=True, text=True, check=True)
    host, other_host, spawned = done.stdout.split()
    assert spawned == host != other_host


class Queue:
    def depth(self, lane: Lane) -> int:
        return {"fresh": 1, "backlog": 7}[lane]


def told(runtime: Runtime) -> str:
    return generate_latest(exporter.registry(runtime, Queue())).decode()  # type: ignore[arg-type]


def test_the_exporter_tells_how_work_stands(runtime: Runtime) -> None:
    engine = runtime.engine
    images, version = add_images(engine, 9), add_version(engine, "shoes").id
    add_product(engine, "A", images)
    plan(engine, images[:4], version)
    upload, paused = plan(engine, images[4:6], version), plan(engine, images[6:], version)
    execute(engine, "UPDATE jobs SET lane = 'fresh' WHERE id = :id", id=upload)
    execute(engine, "UPDATE jobs SET held = 'paused' WHERE id = :id", id=paused)
    execute(
        engine, "UPDATE work_items SET next_attempt_at = now() - interval '1 h' WHERE job_id = :id", id=paused
    )
    execute(
        engine,
        "UPDATE work_items SET next_attempt_at = now() - interval '90 s' WHERE image_id = :i",
        i=images[3],
    )
    execute(
        engine,
        "UPDATE work_items SET state = 'quarantined', error_code = 'truncated', error_reason = 'x' WHERE image_id = :i",
        i=images[1],
    )
    make_ledger(engine).claim(images[:1], uuid4())
    execute(engine, "UPDATE work_items SET lease_expires_at = now() - interval '1 s' WHERE state = 'leased'")
    text = told(runtime)
    found = values(text)
    assert found["tagmill_service_up", "postgres"] == 1
    assert found["tagmill_queue_messages", "backlog"] == 7
    assert found["tagmill_work_items", "backlog", "pending"] == 2 + 3
    assert found["tagmill_work_items", "fresh", "pending"] == 2
    assert found["tagmill_work_items", "backlog", "leased"] == 1
    assert found["tagmill_quarantined_items", "truncated"] == 1
    assert found["tagmill_expired_leases",] == 1
    assert 90 <= found["tagmill_oldest_due_seconds", "backlog"] < 600  # not that of the job on hold
    assert found["tagmill_jobs", "ingest", "paused"] == 1
    assert found["tagmill_serving_version", "shoes@1", "classify"] == 1
    assert names(text) == OF_EXPORTER


def test_what_does_not_answer_is_told_and_the_rest_all_the_same(
    tagmill_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAGMILL_REDIS_URL", "redis://127.0.0.1:1/0")
    from workers.settings import Settings

    found = values(told(Runtime(Settings())))
    assert found["tagmill_service_up", "redis"] == 0
    assert found["tagmill_service_up", "s3"] == 1
    assert ("tagmill_queue_messages", "backlog") not in found
    assert ("tagmill_expired_leases",) in found
