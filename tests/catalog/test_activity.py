"""What goes on just now: who holds what, which jobs are open, what failed of late."""

from __future__ import annotations

from uuid import uuid4

import sqlalchemy as sa

from catalog import activity
from catalog.activity import FailedCode
from tests.catalog.shop import add_images, add_version, execute, expire_leases, make_ledger, plan


def test_leases_are_told_by_process_the_longest_silent_first(engine: sa.Engine) -> None:
    images, versions = add_images(engine, 6), [add_version(engine, name).id for name in "ab"]
    first, second = plan(engine, images[:4], *versions), plan(engine, images[4:], versions[0])
    made = make_ledger(engine)
    made.claim(images[3:5], uuid4())
    expire_leases(engine)
    made.claim(images[:2], uuid4())
    with engine.connect() as connection:
        gone, alive = activity.leases(connection)
    assert (gone.photos, gone.job_ids) == (2, (first, second))
    assert gone.expires_in < 0
    assert (alive.photos, alive.job_ids) == (2, (first,))
    assert 25 < alive.expires_in <= 30


def test_open_jobs_are_the_oldest_that_are_not_over(engine: sa.Engine) -> None:
    images, version = add_images(engine, 5), add_version(engine).id
    over, held, paused, cancelled, adding = (plan(engine, [image], version) for image in images)
    execute(engine, "UPDATE jobs SET closed_at = now() WHERE id <> :adding", adding=adding)
    execute(
        engine,
        "UPDATE work_items SET state = CASE job_id WHEN :cancelled THEN 'cancelled' ELSE 'done' END "
        "WHERE job_id IN (:over, :cancelled, :adding)",
        over=over,
        cancelled=cancelled,
        adding=adding,
    )
    execute(engine, "UPDATE jobs SET held = 'paused' WHERE id = :id", id=paused)
    execute(engine, "UPDATE jobs SET held = 'cancelled' WHERE id = :id", id=cancelled)
    make_ledger(engine).claim([images[1]], uuid4())
    with engine.connect() as connection:
        found, count = activity.open_jobs(connection, 2)
        assert [job.job_id for job in found] == [held, paused]
        assert count == 3
        assert [job.job_id for job in activity.open_jobs(connection, 9)[0]] == [held, paused, adding]


def test_failures_of_the_last_day_are_added_up_by_code(engine: sa.Engine) -> None:
    images, version = add_images(engine, 3), add_version(engine).id
    job, later = plan(engine, images, version), plan(engine, [], version)
    execute(
        engine,
        "UPDATE work_items SET state = 'quarantined', error_code = 'truncated', error_reason = 'x', "
        "finished_at = now() - (image_id - :first) * interval '20 hours'",
        first=images[0],
    )
    execute(
        engine,
        "INSERT INTO ingest_errors (job_id, manifest, line, code, reason) "
        "VALUES (:later, 'x.csv', 1, 'truncated', 'x'), (:job, 'x.csv', 2, 'not_found', 'x')",
        job=job,
        later=later,
    )
    with engine.connect() as connection:
        found = activity.failed_lately(connection)
    assert found == [FailedCode("truncated", 3, later), FailedCode("not_found", 1, job)]


def test_what_failed_long_ago_is_not_read(engine: sa.Engine) -> None:
    job = plan(engine, add_images(engine, 3000), add_version(engine).id)
    execute(
        engine,
        "UPDATE work_items SET state = 'quarantined', error_code = 'truncated', error_reason = 'x', "
        "finished_at = now() - image_id * interval '1 hour'",
    )
    execute(
        engine,
        "INSERT INTO ingest_errors (job_id, manifest, line, code, reason, created_at) "
        "SELECT :job, 'x.csv', n, 'not_found', 'x', now() - n * interval '1 hour' FROM generate_series(1, 3000) n",
        job=job,
    )
    execute(engine, "ANALYZE work_items, ingest_errors")
    with engine.connect() as connection:
        explained = "\n".join(connection.scalars(sa.text(f"EXPLAIN {activity.FAILED_LATELY}")))
    assert "ix_work_items_failed" in explained
    assert "ix_ingest_errors_created_at" in explained
    assert "Seq Scan" not in explained


def test_rates_are_of_the_newest_seconds() -> None:
    photos = [600] * 54 + [60, 60, 60, 60, 60, 0]
    assert (activity.per_second(photos, 10), activity.per_second(photos, 60)) == (0.0, 5.0)
