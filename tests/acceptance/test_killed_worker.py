"""kill -9 in the middle of a job: another worker ends it, and nothing is doubled or lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import datetime
from pathlib import Path

from redis import Redis

from tests.acceptance.conftest import EACH, System
from tests.acceptance.photos import write_catalog

PHOTOS = 300


def test_killed_host_loses_and_doubles_nothing(system: System, tmp_path: Path) -> None:
    manifest = write_catalog(tmp_path / "catalog", PHOTOS)
    system.json("ingest", str(manifest))

    victim = system.start_worker("--concurrency", "2", lease_seconds="3", sweep_seconds="1", chunk_size="64")
    system.wait_for(lambda: system.value("SELECT count(*) FROM embeddings") >= 40, seconds=120)
    os.killpg(victim.pid, signal.SIGKILL)
    victim.wait(10)
    done_before = system.value("SELECT count(*) FROM work_items WHERE state = 'done'")
    assert 0 < done_before < EACH * PHOTOS
    assert system.value("SELECT count(*) FROM work_items WHERE state = 'leased'") > 0

    system.drain(lease_seconds="3", sweep_seconds="1")

    assert system.rows("SELECT state, count(*) FROM work_items GROUP BY 1") == [("done", EACH * PHOTOS)]
    for table in ("embeddings", "classifications WHERE rank = 1"):
        assert system.value(f"SELECT count(*) FROM {table}") == PHOTOS
    lost = system.value("SELECT count(*) FROM work_items WHERE attempts > 1")
    assert lost > 0, "the killed worker held nothing: the test killed too late"


def test_killed_child_is_replaced_and_its_photos_come_back(system: System, tmp_path: Path) -> None:
    manifest = write_catalog(tmp_path / "catalog", PHOTOS)
    system.json("ingest", str(manifest))
    host = system.start_worker(
        "--drain", "--concurrency", "1", lease_seconds="3", sweep_seconds="1", chunk_size="64"
    )
    system.wait_for(lambda: system.value("SELECT count(*) FROM embeddings") >= 20, seconds=120)
    for child in children(host.pid):
        os.kill(child, signal.SIGKILL)
    assert host.wait(180) == 0
    assert system.rows("SELECT state, count(*) FROM work_items GROUP BY 1") == [("done", EACH * PHOTOS)]


def children(pid: int) -> list[int]:
    """Processes whose parent is `pid`."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found.append(int(stat.parent.name))
    assert found
    return found


def backlog_of(system: System) -> str:
    return f"{system.environment['TAGMILL_QUEUE']}.2.backlog"


def test_a_queue_that_lost_everything_is_filled_again(system: System, tmp_path: Path) -> None:
    system.json("ingest", str(write_catalog(tmp_path / "catalog", 40)))
    with Redis.from_url(system.environment["TAGMILL_REDIS_URL"]) as client:
        assert client.llen(backlog_of(system)) > 0
        client.flushall()
    system.drain(sweep_seconds="1")
    assert system.rows("SELECT state, count(*) FROM work_items GROUP BY 1") == [("done", 40 * EACH)]


def test_the_queue_tells_when_its_oldest_message_was_published(system: System, tmp_path: Path) -> None:
    """A message that is lost is told by that: it must be Postgres' time, and survive the way through Redis."""
    system.json("ingest", str(write_catalog(tmp_path / "catalog", 3)))
    ask = "from workers.celery_app import *; print(CeleryQueue(app, settings()).waiting_since('backlog').isoformat())"
    done = subprocess.run(
        [sys.executable, "-c", ask], env=system.environment, capture_output=True, text=True, check=True
    )
    assert datetime.fromisoformat(done.stdout.strip()) == system.value(
        "SELECT min(published_at) FROM work_items"
    )
    with Redis.from_url(system.environment["TAGMILL_REDIS_URL"]) as client:
        client.rpush(backlog_of(system), b"not one of ours")
    done = subprocess.run(
        [sys.executable, "-c", ask], env=system.environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("0001-01-01")
