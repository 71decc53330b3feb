"""Beats that double or die, and a database whose clock jumps."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from tests.chaos.arena import ROOT, Arena
from tests.chaos.fault import Fault

SLOWLY = Fault("slowly", "forward", "pause", always=True)

# `now()` without a schema is found here first. Nothing else can set the clock of a server that others share.
CLOCK = """
CREATE SCHEMA clock;
CREATE TABLE clock.shift (by interval NOT NULL);
INSERT INTO clock.shift VALUES (interval '0');
CREATE FUNCTION clock.now() RETURNS timestamptz LANGUAGE sql STABLE
    AS 'SELECT pg_catalog.now() + (SELECT by FROM clock.shift)';
CREATE FUNCTION clock.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE
    AS 'SELECT pg_catalog.clock_timestamp() + (SELECT by FROM clock.shift)';
"""


def own_clock(arena: Arena) -> None:
    with arena.engine.begin() as connection:
        connection.exec_driver_sql(CLOCK)
        connection.exec_driver_sql(
            f"ALTER DATABASE {arena.engine.url.database} SET search_path = clock, pg_catalog, public"
        )


def set_clock(arena: Arena, by: str) -> None:
    arena.fault("clock moved")
    with arena.engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE clock.shift SET by = {by}")


@pytest.mark.chaos
@pytest.mark.parametrize("hours", [1, -1])
def test_the_clock_jumps_an_hour(arena: Arena, hours: int) -> None:
    own_clock(arena)
    arena.order(1000)
    worker = arena.start(SLOWLY)
    arena.wait_until(lambda: arena.done() > 100, 60, "no start")
    arena.kill_child(worker)
    set_clock(arena, f"interval '{hours} hours'")
    arena.wait_until(lambda: arena.done() == 1000, 90, "the clock holds work up")
    arena.finish()


@pytest.mark.chaos
def test_the_night_of_the_clock_change(arena: Arena) -> None:
    """25 October, 3:00 is 2:00 again: a worker, beat and database that live in Berlin."""
    own_clock(arena)
    with arena.engine.begin() as connection:
        connection.exec_driver_sql(
            f"ALTER DATABASE {arena.engine.url.database} SET timezone = 'Europe/Berlin'"
        )
    set_clock(arena, "timestamptz '2026-10-25 00:59:50+00' - pg_catalog.now()")
    arena.order(1000)
    worker = arena.start(SLOWLY, environment={"TZ": "Europe/Berlin"})
    beat = start_beat(arena, {"TZ": "Europe/Berlin"})
    arena.wait_until(lambda: arena.done() > 100, 60, "no start")
    arena.kill_child(worker)
    arena.finish()
    beat.kill()
    beat.wait(10)


@pytest.mark.chaos
def test_two_beats_and_a_beat_that_is_killed(arena: Arena) -> None:
    arena.order(1500)
    beats = [start_beat(arena), start_beat(arena)]
    worker = arena.start(SLOWLY, environment={"TZ": "Pacific/Auckland"})
    arena.wait_until(lambda: arena.done() > 100, 60, "no start")
    arena.fault("second beat")
    for _ in range(4):
        arena.kill_child(worker)
        time.sleep(1)
        arena.fault("SIGKILL of a beat")
        beats[0].send_signal(signal.SIGKILL)
        beats[0].wait(10)
        beats = [beats[1], start_beat(arena)]
    arena.finish()
    for beat in beats:
        beat.kill()
        beat.wait(10)


def start_beat(arena: Arena, environment: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
    log = (arena.folder / f"beat-{time.monotonic_ns()}.log").open("wb")
    schedule = arena.folder / f"schedule-{time.monotonic_ns()}"
    argv = [sys.executable, "-m", "celery", "-A", "workers.celery_app", "beat", "--schedule", str(schedule)]
    beat = subprocess.Popen(
        [*argv, "--pidfile="],
        cwd=ROOT,
        env={**os.environ, **arena.environment, **(environment or {})},
        stdout=log,
        stderr=log,
    )
    log.close()
    return beat
