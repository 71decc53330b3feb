"""Workers that die: at every step, at random, for want of memory, with a photo that kills them."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from tests.chaos.arena import Arena, children
from tests.chaos.fault import STEPS, Fault
from tests.chaos.shop import MASK, TYPE


def test_killed_at_every_step(arena: Arena) -> None:
    arena.order(300, TYPE)
    arena.order(100, MASK)
    arena.start(*[Fault(f"{step}-kill", step, "kill", skip=2) for step in STEPS])
    verdict = arena.finish()
    assert arena.happened() == sorted(f"{step}-kill" for step in STEPS)
    assert not verdict.quarantined


@pytest.mark.chaos
def test_the_whole_host_killed_again_and_again(arena: Arena) -> None:
    """Main process and children at once; two hosts take turns, as a supervisor would start them again."""
    arena.order(1500, TYPE)
    arena.order(400, MASK)
    steps = ("claimed", "inferred", "mask_put", "before_commit", "after_commit")
    for step in steps:
        arena.start(Fault(f"{step}-kill_host", step, "kill_host", skip=1)).wait(60)
    arena.start()
    verdict = arena.finish()
    assert len(arena.happened()) == len(steps)
    assert not verdict.quarantined


@pytest.mark.chaos
def test_random_kills_over_ten_thousand_photos(arena: Arena) -> None:
    arena.order(arena.shop.photos, TYPE)
    worker = arena.start()
    arena.wait_ready(worker)
    while arena.done() < 0.9 * arena.shop.photos:
        pause(arena, 0.4, 1.6)
        if arena.random.random() < 0.05:
            arena.signal(worker, signal.SIGKILL)
            worker = arena.start()
            arena.wait_ready(worker)
        else:
            arena.kill_child(worker)
    arena.finish(240)


@pytest.mark.chaos
def test_recovery_as_shipped(arena: Arena) -> None:
    """With the settings of the box: lease 30 s, sweep every 10 s. What a dead host held is back within 60 s."""
    arena.order(1200, TYPE)
    shipped = {"lease_seconds": "30", "sweep_seconds": "10", "chunk_size": "128"}
    worker = arena.start(Fault("slowly", "forward", "pause", always=True), **shipped)
    arena.wait_until(
        lambda: arena.value("SELECT count(*) FROM work_items WHERE state = 'leased'") > 0, 60, "no start"
    )
    pause(arena, 0.5, 2)
    arena.start(**shipped)
    arena.signal(worker, signal.SIGKILL)
    arena.finish(180)
    assert 0 < arena.recovery <= 60


def test_a_photo_that_kills_its_worker_is_quarantined_and_its_neighbours_are_stored(arena: Arena) -> None:
    arena.order(200)
    photo = arena.some_photo()
    arena.start(Fault("poison", "decoding", "kill", always=True, photo=photo))
    verdict = arena.finish()
    assert verdict.quarantined == {"worker_lost": 1}
    query = "SELECT i.sha256, w.attempts FROM work_items w JOIN images i ON i.id = w.image_id WHERE w.state <> 'done'"
    assert arena.rows(query) == [(photo, 4)]


@pytest.mark.chaos
def test_processes_that_outgrow_their_memory_are_replaced_and_lose_nothing(arena: Arena) -> None:
    arena.order(640)
    worker = arena.start(max_memory_mb="100")  # less than any needs: replaced after each chunk
    verdict = arena.finish()
    assert not verdict.quarantined
    assert arena.value("SELECT max(attempts) FROM work_items") == 1
    replaced = arena.log(worker).count("model loaded") - 2  # each process loads it anew
    arena.fault("process replaced for its memory", replaced)
    assert replaced >= 5


@pytest.mark.chaos
def test_killed_for_memory_in_the_middle_of_a_chunk(arena: Arena) -> None:
    """As the kernel's memory killer does it: one process is gone, in the middle of whatever it did, again and again."""
    arena.order(1500, TYPE)
    arena.order(300, MASK)
    worker = arena.start()
    arena.wait_until(lambda: arena.done() > 0, 60, "no start")
    for _ in range(12):
        pause(arena, 0.1, 0.8)
        arena.kill_child(worker)
    arena.finish(120)


@pytest.mark.chaos
def test_only_the_main_process_is_killed(arena: Arena) -> None:
    """Its children must not outlive it: nobody would watch them."""
    arena.order(600)
    worker = arena.start(Fault("slowly", "forward", "pause", always=True))
    arena.wait_until(lambda: arena.done() > 0, 60, "no start")
    orphans = children(worker.pid)
    arena.fault("SIGKILL of a main process")
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait(30)
    arena.wait_until(lambda: not any(alive(pid) for pid in orphans), 30, "children live on")
    arena.start()
    arena.finish()


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def pause(arena: Arena, least: float, most: float) -> None:
    time.sleep(arena.random.uniform(least, most))
