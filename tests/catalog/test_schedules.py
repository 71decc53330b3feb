"""What is due at a time is done once."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from catalog import jobs, locks, schedules
from tests.catalog.shop import rows

SUNDAY = datetime(2026, 11, 22, 3, tzinfo=UTC)


def begin(engine: sa.Engine, at: datetime = SUNDAY) -> int | None:
    with engine.begin() as connection:
        schedules.note(connection, "retrain", "retrain", at, "shoes")
        return schedules.begin(connection, "retrain", at)


def close(engine: sa.Engine, job_id: int | None) -> None:
    assert job_id is not None
    with engine.begin() as connection:
        jobs.close(connection, job_id, {"model": "shoes@2"}, subject="shoes@2")


def test_a_time_is_done_once_and_the_next_is_another(engine: sa.Engine) -> None:
    first = begin(engine)
    close(engine, first)
    assert begin(engine) is None
    assert begin(engine, SUNDAY + timedelta(days=7)) not in (None, first)
    assert rows(engine, "SELECT count(*) FROM jobs") == [(2,)]


def test_many_who_hear_of_it_at_once_make_one_job(engine: sa.Engine) -> None:
    """As with two beats and several trainers; each holds the lock that a training needs."""
    start, done = threading.Barrier(6), []

    def one(_: int) -> None:
        start.wait()
        with locks.turn(engine, "retrain") as free:
            if free and (job := begin(engine)) is not None:
                done.append(job)
                close(engine, job)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(one, range(6)))
    assert len(done) == 1
    assert rows(engine, "SELECT count(*) FROM scheduled_runs") == [(1,)]


def test_what_a_process_left_behind_is_gone_on_with_but_not_for_ever(engine: sa.Engine) -> None:
    job = begin(engine)
    with engine.connect() as connection:
        assert schedules.left_behind(connection, "retrain") == [SUNDAY]
    assert Counter(begin(engine) for _ in range(schedules.MOST_ATTEMPTS)) == {
        job: schedules.MOST_ATTEMPTS - 1,
        None: 1,
    }
    with engine.connect() as connection:
        assert schedules.left_behind(connection, "retrain") == []
        assert "begun 10 times" in jobs.failures(connection, job, 5)[0].reason


def test_what_was_noted_and_never_begun_is_left_behind_and_what_was_stopped_counts_for_nothing(
    engine: sa.Engine,
) -> None:
    with engine.begin() as connection:
        schedules.note(connection, "retrain", "retrain", SUNDAY, "shoes")
        assert schedules.left_behind(connection, "retrain") == [SUNDAY]
    for _ in range(3 * schedules.MOST_ATTEMPTS):
        assert begin(engine) is not None
        with engine.begin() as connection:
            schedules.give_back(connection, "retrain", SUNDAY)


def test_only_one_trains_and_others_see_it(engine: sa.Engine) -> None:
    def nobody() -> bool:
        with engine.begin() as connection:
            return locks.nobody_at(connection, "retrain")

    assert nobody()
    with locks.turn(engine, "retrain") as first, locks.turn(engine, "retrain") as second:
        assert first is not None
        assert first.holds()
        assert second is None
        assert not nobody()
    assert nobody()
    with engine.begin() as looking:  # the look itself keeps nobody from it
        assert locks.nobody_at(looking, "retrain")
        with locks.turn(engine, "retrain") as third:
            assert third is not None


def test_a_turn_whose_connection_was_given_up_in_a_look_is_not_held(engine: sa.Engine) -> None:
    """As by Ctrl-C in the midst of it."""
    with locks.turn(engine, "retrain") as mine:
        assert mine is not None
        mine.connection.execute(sa.text("SELECT 1"))
        mine.connection.invalidate()
        assert not mine.holds()
    with locks.turn(engine, "retrain") as other:
        assert other is not None


def test_a_training_is_a_job_like_others_and_its_failure_is_seen(engine: sa.Engine) -> None:
    def state(job: int | None) -> tuple[str, str, str]:
        with engine.connect() as connection:
            (found,) = jobs.progress(connection, job_id=job)
        return found.kind, found.subject, found.state

    good, bad = begin(engine), begin(engine, SUNDAY + timedelta(days=7))
    assert state(good) == ("retrain", "shoes", "running")
    close(engine, good)
    assert state(good) == ("retrain", "shoes@2", "finished")
    assert bad is not None
    with engine.begin() as connection:
        jobs.close(connection, bad, {"error": "too few photos"})
        (failure,) = jobs.failures(connection, None, 5)
    assert (failure.stage, failure.job_id, failure.source) == ("train", bad, "shoes")
    assert (failure.code, failure.reason) == ("training_failed", "too few photos")


@pytest.mark.parametrize("kind", ["train", ""])
def test_kinds_of_jobs_that_nobody_knows_are_refused(engine: sa.Engine, kind: str) -> None:
    with pytest.raises(sa.exc.IntegrityError), engine.begin() as connection:
        connection.execute(sa.text("INSERT INTO jobs (kind, subject) VALUES (:kind, 'x')"), {"kind": kind})
