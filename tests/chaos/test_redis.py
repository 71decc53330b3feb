"""Redis restarted, wiped, truncated, full: it holds nothing that Postgres does not know."""

from __future__ import annotations

import os
import time

import pytest

from tests.chaos.arena import Arena
from tests.chaos.fault import Fault

SLOWLY = Fault("slowly", "forward", "pause", always=True)


@pytest.mark.chaos
def test_restarted_twenty_times_under_load(arena: Arena) -> None:
    arena.order(3000)
    worker = arena.start(SLOWLY)
    arena.wait_until(lambda: arena.done() > 0, 60, "no start")
    for _ in range(20):
        time.sleep(arena.random.uniform(0.2, 1.5))
        arena.kill_service("redis")
        time.sleep(arena.random.uniform(0, 0.5))
        arena.restart_services()
    assert worker.poll() is None, "a restart of Redis must not end a host"
    arena.finish(180)


@pytest.mark.parametrize("when", ["queued", "in_flight", "idle"])
def test_flushed(arena: Arena, when: str) -> None:
    arena.order(600)
    worker = arena.start(SLOWLY, sweep_seconds="10")
    if when == "queued":
        arena.wait_until(lambda: depth(arena) > 0, 60, "nothing was published")
    else:
        arena.wait_until(lambda: arena.done() > 0, 60, "no start")
    if when == "idle":
        arena.wait_until(lambda: arena.done() == 600, 60, "not done")
    arena.fault("FLUSHALL")
    flushed = time.monotonic()
    with arena.redis() as client:
        client.flushall()
    if when == "idle":
        arena.order(100, offset=600)
    arena.wait_until(
        lambda: depth(arena) > 0 or arena.done() >= arena.photos, 60, "nothing was published again"
    )
    seconds = time.monotonic() - flushed
    arena.tally.recovered(arena.name, seconds)
    assert seconds <= 30
    assert worker.poll() is None
    arena.finish()


@pytest.mark.chaos
@pytest.mark.parametrize("cut", [37, 5000])
def test_killed_and_its_file_truncated(arena: Arena, cut: int) -> None:
    arena.order(1000)
    arena.start(SLOWLY)
    arena.wait_until(lambda: arena.done() > 0, 60, "no start")
    arena.kill_service("redis")
    arena.fault("append-only file truncated")
    file = max((arena.shop.home / "redis").rglob("*.aof"), key=lambda path: path.stat().st_size)
    os.truncate(file, max(0, file.stat().st_size - cut))
    arena.restart_services()
    arena.finish()


@pytest.mark.chaos
def test_full(arena: Arena) -> None:
    arena.order(1500)
    arena.start(SLOWLY, max_published="3")
    arena.wait_until(lambda: arena.done() > 0, 60, "no start")
    with arena.redis() as client:
        arena.fault("maxmemory reached")
        client.config_set("maxmemory", "1mb")
        time.sleep(8)
        client.config_set("maxmemory", "0")
    arena.finish_supervised(SLOWLY)  # Celery ends a host that cannot acknowledge


def depth(arena: Arena) -> int:
    with arena.redis() as client:
        return int(client.llen(f"{arena.queue}.2.backlog"))
