"""Devices that are too small, that fail for good, and work that hangs."""

from __future__ import annotations

import time

import pytest

from tests.chaos.arena import Arena
from tests.chaos.fault import Fault
from tests.chaos.shop import MASK, TYPE

ANSWERS = "SELECT image_id, label, rank, score FROM classifications ORDER BY 1, 3"


@pytest.mark.chaos
def test_out_of_memory_halves_the_batch_and_answers_stay_the_same(arena: Arena) -> None:
    arena.order(400)
    arena.start()
    arena.wait_until(lambda: arena.done() == 400, 90, "not done")
    arena.stop()
    whole = arena.rows(ANSWERS)
    with arena.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM classifications; DELETE FROM work_items; DELETE FROM witness")
    arena.order(400)
    arena.start(Fault("small-device", "forward", "out_of_memory", always=True, batch_above=3))
    verdict = arena.finish()
    assert not verdict.quarantined
    assert [row[:3] for row in arena.rows(ANSWERS)] == [row[:3] for row in whole]
    assert max(abs(a[3] - b[3]) for a, b in zip(arena.rows(ANSWERS), whole, strict=True)) < 1e-4


def test_a_device_that_failed_for_good_ends_its_process_and_the_work_returns(arena: Arena) -> None:
    arena.order(300)
    assertions = [Fault(f"device-{n}", "forward", "device_assertion", skip=2 * n) for n in range(3)]
    worker = arena.start(*assertions)
    verdict = arena.finish()
    assert not verdict.quarantined
    assert len(arena.happened()) == 3
    assert arena.log(worker).count("device failed; this process ends") == 3


@pytest.mark.parametrize("step", ["decoding", "forward"])
def test_a_process_that_hangs_is_replaced(arena: Arena, step: str) -> None:
    """Its heartbeat goes on, so its lease would never run out."""
    arena.order(200, TYPE)
    worker = arena.start(Fault(f"{step}-hang", step, "hang", skip=5), stall_seconds="5")
    started = time.monotonic()
    verdict = arena.finish()
    arena.tally.recovered(arena.name, time.monotonic() - started)
    assert arena.happened() == [f"{step}-hang"]
    assert "makes no progress and is replaced" in arena.log(worker)
    assert not verdict.quarantined


@pytest.mark.chaos
def test_a_photo_that_hangs_each_time_is_quarantined(arena: Arena) -> None:
    arena.order(120, TYPE)
    arena.order(40, MASK)
    photo = arena.some_photo(MASK)
    arena.start(
        Fault("tar-pit", "decoding", "hang", always=True, photo=photo), stall_seconds="3", max_attempts="3"
    )
    verdict = arena.finish(240)
    assert verdict.quarantined == {"worker_lost": 2}
