"""Jobs that may run for some hours only, and jobs that are held to a pace."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
import sqlalchemy as sa

from catalog import holds
from catalog.jobs import Bounds
from catalog.ledger import Ledger
from tests.catalog.shop import add_images, add_version, execute, make_ledger, plan, rows, states, stored


def limit(engine: sa.Engine, job: int, *, hours: float | None = None, pace: float | None = None) -> None:
    pause_at = None if hours is None else datetime.now(UTC) + timedelta(hours=hours)
    with engine.begin() as connection:
        assert holds.bound(connection, job, Bounds(pause_at, pace))


def held(engine: sa.Engine, job: int) -> str | None:
    ((found,),) = rows(engine, "SELECT held FROM jobs WHERE id = :job", job=job)
    return found  # type: ignore[no-any-return]


def wait(engine: sa.Engine, seconds: float) -> None:
    """As if so much time had gone by since a pace was looked at last."""
    execute(engine, "UPDATE jobs SET paced_at = paced_at - :seconds * interval '1 second'", seconds=seconds)


def published(ledger: Ledger) -> int:
    """Photos that are handed to workers now."""
    return sum(len(chunk.image_ids) for chunk in ledger.publishable(1000))


def test_at_the_end_of_its_window_a_job_is_paused_and_goes_on_in_the_next(engine: sa.Engine) -> None:
    images, version = add_images(engine, 4), add_version(engine).id
    job = plan(engine, images, version)
    limit(engine, job, hours=1)
    ledger = make_ledger(engine)
    ledger.sweep()
    assert held(engine, job) is None
    token = uuid4()
    assert published(ledger) == 4
    ledger.claim(images[:2], token)
    execute(engine, "UPDATE jobs SET pause_at = now()")
    ledger.sweep()
    assert held(engine, job) == "paused"
    assert ledger.on_hold(token)
    assert ledger.settle(token, [stored(images[0], version)]) == 0
    ledger.release(token)
    assert published(ledger) == 0
    with engine.begin() as connection:
        assert holds.reopen_windows(connection, datetime.now(UTC) + timedelta(hours=6)) == [job]
        assert holds.reopen_windows(connection, datetime.now(UTC) + timedelta(hours=6)) == []
    assert published(ledger) == 3
    ledger.sweep()
    assert held(engine, job) is None


@pytest.mark.parametrize("action", ["pause", "resume"])
def test_a_persons_word_ends_the_window(engine: sa.Engine, action: holds.Action) -> None:
    """What a person paused does not go on at night, and what one resumed is not paused in the morning."""
    job = plan(engine, add_images(engine, 2), add_version(engine).id)
    limit(engine, job, hours=-1 if action == "resume" else 1)
    ledger = make_ledger(engine)
    ledger.sweep()
    with engine.begin() as connection:
        holds.act(connection, job, action)
    ledger.sweep()
    with engine.begin() as connection:
        assert holds.reopen_windows(connection, datetime.now(UTC)) == []
    assert held(engine, job) == ("paused" if action == "pause" else None)


def test_a_pace_lets_so_many_photos_go_with_all_their_models(engine: sa.Engine) -> None:
    images = add_images(engine, 200)
    versions = [add_version(engine, name).id for name in ("product-type", "product-mask")]
    job = plan(engine, images, *versions)
    limit(engine, job, pace=2.0)
    ledger = make_ledger(engine)
    assert published(ledger) == 0  # its time begins now
    wait(engine, 10.5)
    assert published(ledger) == 21
    assert published(ledger) == 0
    marked = "SELECT count(*), count(DISTINCT image_id) FROM work_items WHERE published_at IS NOT NULL"
    assert rows(engine, marked) == [(42, 21)]
    for _ in range(4):
        wait(engine, 0.3)
    assert published(ledger) == 2  # what is less than a photo is not lost
    wait(engine, 3600)
    assert published(ledger) == 120  # of a long rest, a minute counts


def test_what_is_held_to_a_pace_fills_no_other_batch(engine: sa.Engine) -> None:
    images, version = add_images(engine, 40), add_version(engine).id
    free = plan(engine, images[:3], version)
    limit(engine, plan(engine, images[3:], version), pace=1.0)
    ledger = make_ledger(engine)
    claimed = ledger.claim(images[:1], uuid4(), top_up_to=32)
    assert {photo.image_id for photo in claimed} == set(images[:3])
    assert rows(engine, "SELECT DISTINCT job_id FROM work_items WHERE state = 'leased'") == [(free,)]


def test_a_full_queue_is_not_made_fuller_and_costs_the_pace_nothing(engine: sa.Engine) -> None:
    job = plan(engine, add_images(engine, 50), add_version(engine).id)
    limit(engine, job, pace=1.0)
    ledger = make_ledger(engine, chunk_size=4)
    ledger.publishable(100)
    wait(engine, 20)
    assert sum(len(chunk.image_ids) for chunk in ledger.publishable(8, 2)) == 8
    assert published(ledger) == 12
    assert states(engine) == {"pending": 50}


def test_a_slow_pace_lets_a_photo_go_now_and_then(engine: sa.Engine) -> None:
    job = plan(engine, add_images(engine, 5), add_version(engine).id)
    limit(engine, job, pace=0.01)
    ledger = make_ledger(engine)
    assert published(ledger) == 0
    wait(engine, 101)
    assert published(ledger) == 1
    wait(engine, 1000)
    assert published(ledger) in (1, 2)  # of a long rest, no more count


def test_nothing_is_handed_out_by_less_than_a_seconds_worth(engine: sa.Engine) -> None:
    job = plan(engine, add_images(engine, 500), add_version(engine).id)
    limit(engine, job, pace=300.0)
    ledger = make_ledger(engine)
    published(ledger)
    wait(engine, 0.5)
    assert published(ledger) == 0
    wait(engine, 0.5)
    assert published(ledger) >= 300


def test_a_clock_that_was_set_back_holds_no_pace_up(engine: sa.Engine) -> None:
    job = plan(engine, add_images(engine, 50), add_version(engine).id)
    limit(engine, job, pace=2.0)
    ledger = make_ledger(engine)
    execute(engine, "UPDATE jobs SET paced_at = now() + interval '1 hour'")
    assert published(ledger) == 0
    wait(engine, 10.2)
    assert published(ledger) == 20


def test_many_who_publish_at_once_keep_the_pace(engine: sa.Engine) -> None:
    """Whoever began first and comes second looks at the clock, not at the beginning of its transaction."""
    images, version = add_images(engine, 3000), add_version(engine).id
    limit(engine, plan(engine, images[:2000], version), pace=50.0)
    plan(engine, images[2000:], version)
    ledger = make_ledger(engine)
    published(ledger)
    wait(engine, 20)
    started = time.monotonic()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: ledger.publishable(100), range(40)))
    most = 50 * (20 + time.monotonic() - started) + 50
    paced = "SELECT count(*) FROM work_items WHERE image_id <= :last AND published_at IS NOT NULL"
    assert 0 < rows(engine, paced, last=images[1999])[0][0] <= most
