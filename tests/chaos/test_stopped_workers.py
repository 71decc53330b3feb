"""Workers that are stopped, in an orderly way or frozen, and come back."""

from __future__ import annotations

import signal
import time

import pytest

from tests.chaos.arena import Arena
from tests.chaos.fault import Fault
from tests.chaos.shop import TYPE

SLOWLY = Fault("slowly", "forward", "pause", always=True)


@pytest.mark.chaos
@pytest.mark.parametrize(("remap", "rounds"), [("", 5), ("SIGQUIT", 1)], ids=["warm", "soft"])
def test_a_storm_of_deploys_costs_no_attempt(arena: Arena, remap: str, rounds: int) -> None:
    """SIGTERM to the main process, as a supervisor sends it, as soon as a new host is up."""
    arena.order(1500)
    environment = {"REMAP_SIGTERM": remap} if remap else {}
    for _ in range(rounds):
        worker = arena.start(SLOWLY, environment=environment)
        before = arena.done()
        arena.wait_until(lambda before=before: arena.done() > before, 60, "no start")
        time.sleep(arena.random.uniform(0, 1))
        arena.fault("SIGTERM")
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(45) == 0  # Celery's soft shutdown waits for 30 s in any case
        assert arena.value("SELECT count(*) FROM work_items WHERE state = 'leased'") == 0
    arena.start(environment=environment)
    verdict = arena.finish()
    assert not verdict.quarantined
    assert arena.value("SELECT max(attempts) FROM work_items") == 1


def test_frozen_beyond_its_lease_a_worker_writes_nothing_when_it_wakes(arena: Arena) -> None:
    arena.order(400)
    sleeper = arena.start(SLOWLY, stall_seconds="60")
    arena.wait_until(lambda: arena.done() > 0, 60, "no start")
    for _ in range(2):
        arena.wait_until(lambda: leased(arena) > 32, 30, "nothing is leased")
        arena.signal(sleeper, signal.SIGSTOP)
        other = arena.start()
        arena.wait_until(lambda: leased(arena) == 0 or arena.done() >= 330, 60, "nobody took over")
        time.sleep(6)
        arena.signal(sleeper, signal.SIGCONT)
        time.sleep(2)
        arena.signal(other, signal.SIGTERM)
        if arena.done() == 400:
            break
    arena.finish()
    assert arena.refused(sleeper) > 0, "the frozen worker held nothing: the fence was not asked"


def test_a_chunk_that_outlasts_its_lease_is_not_taken_away(arena: Arena) -> None:
    """The heartbeat prolongs it, while other hosts sweep every second."""
    arena.order(800)
    workers = [arena.start(SLOWLY, lease_seconds="2", chunk_size="400") for _ in range(2)]
    verdict = arena.finish()
    assert not verdict.quarantined
    assert arena.value("SELECT max(attempts) FROM work_items") == 1
    assert not any(arena.refused(worker) for worker in workers)


def leased(arena: Arena) -> int:
    return int(arena.value("SELECT count(*) FROM work_items WHERE state = 'leased'"))


@pytest.mark.chaos
def test_hosts_come_and_go_while_work_comes_in(arena: Arena) -> None:
    """Autoscaling: starts, orderly ends and kills, and orders in between."""
    hosts = [arena.start()]
    for turn in range(10):
        arena.order(100, TYPE, offset=100 * turn)
        time.sleep(arena.random.uniform(1, 3))
        if len(hosts) > 1 and arena.random.random() < 0.7:
            victim = hosts.pop(arena.random.randrange(len(hosts)))
            arena.signal(victim, arena.random.choice([signal.SIGTERM, signal.SIGKILL]))
        elif len(hosts) < 3:
            hosts.append(arena.start())
    arena.finish()
