"""Jobs on hold, jobs given up, failures tried again, and which lane goes first."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from uuid import uuid4

import pytest
import sqlalchemy as sa

from catalog import filters, holds, jobs, ledger, stale
from catalog.errors import JobCancelled, JobInOtherState, UnknownJob
from catalog.holds import Action
from catalog.jobs import Progress
from catalog.ledger import Ledger, Swept
from catalog.ledger_sql import JOBS
from catalog.outcomes import ItemKey, Stored
from models.predictions import Box, Classification, Detection, Detections, Score
from tests.catalog.shop import (
    add_images,
    add_product,
    add_version,
    execute,
    expire_leases,
    make_ledger,
    plan,
    rows,
    states,
    stored,
)

NOW = timedelta()


def act(engine: sa.Engine, job: int, action: Action) -> Progress:
    with engine.begin() as connection:
        holds.act(connection, job, action)
    return progress(engine, job)


def progress(engine: sa.Engine, job: int) -> Progress:
    with engine.connect() as connection:
        (found,) = jobs.progress(connection, job_id=job)
    return found


def fail(engine: sa.Engine, image: int, code: str) -> None:
    execute(
        engine,
        "UPDATE work_items SET state = 'quarantined', lease_token = NULL, lease_expires_at = NULL, "
        "error_code = :code, error_reason = 'x', finished_at = now() "
        "WHERE image_id = :image",
        code=code,
        image=image,
    )


def fresh(engine: sa.Engine, job: int) -> int:
    execute(engine, "UPDATE jobs SET lane = 'fresh' WHERE id = :job", job=job)
    return job


def published(ledger: Ledger) -> list[list[int]]:
    return [chunk.image_ids for chunk in ledger.publishable(100)]


# --- pause and resume


def test_of_a_paused_job_nothing_more_is_begun(engine: sa.Engine) -> None:
    images, version = add_images(engine, 6), add_version(engine).id
    job = plan(engine, images, version)
    made = make_ledger(engine, chunk_size=2)
    made.publishable(2)
    made.claim(images[2:4], held := uuid4())
    assert act(engine, job, "pause").state == "paused"
    assert published(made) == []
    assert made.claim(images[:2], uuid4(), top_up_to=9) == []  # its message was under way
    assert made.settle(held, [stored(image, version) for image in images[2:4]]) == 0
    found = progress(engine, job)
    assert (found.state, found.done, found.open, found.leased) == ("paused", 2, 4, 0)
    assert not made.has_open_items()  # nothing that a worker could do
    assert not found.warning


def test_a_resumed_job_goes_on_where_it_stood(engine: sa.Engine) -> None:
    images, version = add_images(engine, 6), add_version(engine).id
    job = plan(engine, images, version)
    made = make_ledger(engine, chunk_size=3)
    made.publishable(3)
    act(engine, job, "pause")
    assert made.claim(images[:3], uuid4()) == []  # the message is spent
    assert act(engine, job, "resume").state in ("running", "adding")
    assert published(made) == [images[:3], images[3:]]
    made.claim(images, token := uuid4())
    made.settle(token, [stored(image, version) for image in images])
    assert progress(engine, job).done == 6
    assert rows(engine, "SELECT max(attempts), count(*) FROM work_items") == [(1, 6)]


def test_a_worker_hears_that_a_job_it_holds_was_put_on_hold(engine: sa.Engine) -> None:
    images, version = add_images(engine, 4), add_version(engine).id
    job, _ = plan(engine, images[:2], version), plan(engine, images[2:], version)
    made = make_ledger(engine)
    made.claim(images[:2], mine := uuid4())
    made.claim(images[2:], other := uuid4())
    act(engine, job, "pause")
    assert (made.on_hold(mine), made.on_hold(other)) == (True, False)
    made.release(mine)
    assert not made.on_hold(mine)


def test_a_photo_of_two_jobs_is_seen_for_the_one_that_is_not_on_hold(engine: sa.Engine) -> None:
    images, versions = add_images(engine, 3), [add_version(engine, name).id for name in "ab"]
    paused, running = plan(engine, images, versions[0]), plan(engine, images, versions[1])
    act(engine, paused, "pause")
    made = make_ledger(engine)
    assert [(c.image_id, c.versions) for c in made.claim(images[:1], uuid4(), top_up_to=3)] == [
        (image, frozenset(versions[1:])) for image in images
    ]
    assert (progress(engine, paused).pending, progress(engine, running).leased) == (3, 3)


# --- cancel


def test_a_cancelled_job_ends_when_workers_have_ended_what_they_hold(engine: sa.Engine) -> None:
    images, version = add_images(engine, 6), add_version(engine).id
    job = plan(engine, images, version)
    made = make_ledger(engine)
    made.claim(images[:3], held := uuid4())
    assert act(engine, job, "cancel").state == "cancelling"
    assert made.cancel() == 3
    assert made.settle(held, [stored(image, version) for image in images[:2]]) == 0
    assert made.release(held) == 1
    assert made.sweep() == Swept(cancelled=1)
    found = progress(engine, job)
    assert (found.state, found.done, found.cancelled, found.open) == ("cancelled", 2, 4, 0)
    assert states(engine) == {"done": 2, "cancelled": 4}


def test_what_a_dead_worker_held_of_a_cancelled_job_is_given_up(engine: sa.Engine) -> None:
    images = add_images(engine, 2)
    job = plan(engine, images, add_version(engine).id)
    made = make_ledger(engine)
    made.claim(images, uuid4())
    act(engine, job, "cancel")
    expire_leases(engine)
    assert made.sweep() == Swept(retried=2, cancelled=2)
    assert progress(engine, job).state == "cancelled"


def test_giving_up_goes_in_portions_and_leaves_other_jobs_alone(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "CANCEL_PORTION", 3)
    images, versions = add_images(engine, 7), [add_version(engine, name).id for name in "ab"]
    job, other = plan(engine, images, versions[0]), plan(engine, images, versions[1])
    act(engine, job, "cancel")
    assert make_ledger(engine).cancel() == 7
    assert progress(engine, other).pending == 7


def test_cancelled_work_can_be_asked_for_again(engine: sa.Engine) -> None:
    images, version = add_images(engine, 4), add_version(engine).id
    add_product(engine, "A", images)
    job, made = plan(engine, images, version), make_ledger(engine)
    made.claim(images[:1], token := uuid4())
    made.settle(token, [stored(images[0], version)])
    act(engine, job, "cancel")
    made.cancel()
    with engine.begin() as connection:
        again, added = stale.plan(connection, version, "product-type@1", limit=2)
        assert added == 2
        assert Ledger.plan(connection, again, images, [version]) == 1
    assert progress(engine, again).pending == 3
    assert rows(engine, "SELECT max(attempts) FROM work_items WHERE state = 'pending'") == [(0,)]
    assert progress(engine, job).done == 1


def test_what_is_done_is_done_again_and_shown_until_new_results_are_there(engine: sa.Engine) -> None:
    images, version = add_images(engine, 3), add_version(engine).id
    add_product(engine, "A", images[:2])
    add_product(engine, "B", images[2:])
    first, made = plan(engine, images, version), make_ledger(engine)
    for image in images[1:]:  # the first photo waits still
        made.claim([image], token := uuid4())
        assert made.settle(token, [stored(image, version)]) == 0
    with engine.begin() as connection:
        again, added = stale.plan(connection, version, "product-type@1", ["A"], again=True)
    assert added == 1
    assert (progress(engine, first).done, progress(engine, again).pending) == (1, 1)
    labels = "SELECT label FROM classifications WHERE image_id = :image ORDER BY rank"
    assert rows(engine, labels, image=images[1]) == [("Shirt",), ("Coat",)]
    made.claim(images[1:2], late := uuid4())
    expire_leases(engine)
    made.sweep()
    made.claim(images[1:2], token := uuid4())
    bag = Stored(ItemKey(images[1], version), Classification((Score("Bag", 1.0),)))
    assert made.settle(late, [bag]) == 1
    assert rows(engine, labels, image=images[1]) == [("Shirt",), ("Coat",)]
    assert made.settle(token, [bag]) == 0
    assert rows(engine, labels, image=images[1]) == [("Bag",)]
    assert rows(engine, labels, image=images[2]) == [("Shirt",), ("Coat",)]
    with engine.begin() as connection:  # what was done longest ago comes first
        stale.plan(connection, version, "product-type@1", limit=1, again=True)
    assert rows(engine, "SELECT state FROM work_items WHERE image_id = :image", image=images[2]) == [
        ("pending",)
    ]


def test_done_again_with_nothing_found_nothing_is_left(engine: sa.Engine) -> None:
    image, version = add_images(engine, 1)[0], add_version(engine, task="detect").id
    add_product(engine, "A", [image])
    plan(engine, [image], version)
    box = Detection("Bag", 0.9, Box(0, 0, 1, 1))
    for found, count in (((box, box), 2), ((box,), 1), ((), 0)):
        with engine.begin() as connection:
            stale.plan(connection, version, "detector@1", again=True)
        ledger = make_ledger(engine)
        ledger.claim([image], token := uuid4())
        assert ledger.settle(token, [Stored(ItemKey(image, version), Detections(found))]) == 0
        assert rows(engine, "SELECT count(*) FROM detections") == [(count,)]


def test_what_had_failed_in_a_cancelled_job_can_be_asked_for_again(engine: sa.Engine) -> None:
    images, version = add_images(engine, 3), add_version(engine).id
    add_product(engine, "A", images)
    job, other = plan(engine, images[:2], version), plan(engine, images[2:], version)
    for image in images[1:]:
        fail(engine, image, "truncated")
    act(engine, job, "cancel")
    make_ledger(engine).cancel()
    with engine.begin() as connection:
        again, added = stale.plan(connection, version, "product-type@1")
    assert added == 2
    assert (progress(engine, again).pending, progress(engine, other).quarantined) == (2, 1)
    assert rows(engine, "SELECT DISTINCT error_code FROM work_items WHERE state = 'pending'") == [(None,)]


def test_whoever_adds_to_a_cancelled_job_is_stopped(engine: sa.Engine) -> None:
    job = plan(engine, add_images(engine, 1), add_version(engine).id)
    with engine.begin() as connection:
        holds.check_not_cancelled(connection, job)
    act(engine, job, "cancel")
    with engine.begin() as connection, pytest.raises(JobCancelled, match=f"job {job} was cancelled"):
        holds.check_not_cancelled(connection, job)


# --- what does not fit


def finished(engine: sa.Engine, job: int, **summary: str) -> None:
    finish_adding(engine, job, **summary)
    execute(engine, "UPDATE work_items SET state = 'done', finished_at = now()")


@pytest.mark.parametrize(
    ("before", "action", "said"),
    [
        (("finish",), "pause", "is finished: nothing of it is left"),
        (("finish",), "resume", "is finished"),
        (("finish",), "cancel", "is finished"),
        (("fail",), "cancel", "is failed: nothing of it is left; `tagmill failures --job 1`"),
        (("cancel",), "resume", "is cancelling|is cancelled"),
        (("cancel", "sweep"), "resume", "is cancelled: ask for the work anew"),
        (("cancel", "sweep"), "cancel", "is cancelled"),
        (("pause",), "pause", "is paused: go on with it by"),
        ((), "resume", "is not on hold"),
    ],
)
def test_what_does_not_fit_the_state_of_a_job_is_said_and_changes_nothing(
    engine: sa.Engine, before: tuple[str, ...], action: Action, said: str
) -> None:
    job = plan(engine, add_images(engine, 2), add_version(engine).id)
    for step in before:
        match step:
            case "finish":
                finished(engine, job)
            case "fail":
                finished(engine, job, error="it broke")
            case "sweep":
                make_ledger(engine).sweep()
            case "pause" | "cancel":
                act(engine, job, step)
    held, counts = rows(engine, "SELECT held FROM jobs"), states(engine)
    with pytest.raises(JobInOtherState, match=said):
        act(engine, job, action)
    assert (rows(engine, "SELECT held FROM jobs"), states(engine)) == (held, counts)


def test_trainings_and_unknown_jobs_are_not_acted_upon(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        job = jobs.create(connection, "retrain", "shoes.yaml")
    with pytest.raises(JobInOtherState, match="stop its trainer"):
        act(engine, job, "cancel")
    with pytest.raises(UnknownJob):
        act(engine, job + 1, "pause")


@pytest.mark.parametrize("held", [None, "paused", "cancelled"])
@pytest.mark.parametrize("closed", [False, True])
@pytest.mark.parametrize("item", [None, "pending", "retry", "leased", "done"])
@pytest.mark.parametrize("error", [None, "it broke"])
def test_the_state_that_is_acted_upon_is_that_of_the_view(
    engine: sa.Engine, held: str | None, closed: bool, item: str | None, error: str | None
) -> None:
    job = plan(engine, add_images(engine, 1 if item else 0), add_version(engine).id)
    lease = "lease_token = gen_random_uuid(), lease_expires_at = now()," if item == "leased" else ""
    execute(engine, f"UPDATE work_items SET {lease} state = :state", state=item)
    execute(
        engine,
        "UPDATE jobs SET held = :held, closed_at = CASE WHEN :closed THEN now() END, "
        "summary = jsonb_build_object('error', CAST(:error AS text))",
        held=held,
        error=error,
        closed=closed,
    )
    with engine.begin() as connection:
        row = connection.execute(holds._STATE, {"job_id": job}).one()
    assert holds._state(row) == progress(engine, job).state


def test_a_job_that_was_done_while_it_was_paused_can_be_resumed(engine: sa.Engine) -> None:
    images = add_images(engine, 1)
    add_product(engine, "A", images)
    job, made = plan(engine, images, add_version(engine).id), make_ledger(engine)
    finish_adding(engine, job)
    made.claim(images, uuid4())
    act(engine, job, "pause")
    fail(engine, images[0], "broken")
    assert progress(engine, job).state == "finished"
    act(engine, job, "resume")
    with engine.begin() as connection:
        assert jobs.retry(connection, job_id=job) == 1
    assert published(made) == [images]


def finish_adding(engine: sa.Engine, job: int, **summary: str) -> None:
    with engine.begin() as connection:
        jobs.close(connection, job, summary)


# --- retry


def test_failures_are_tried_again_by_product_code_and_model(engine: sa.Engine) -> None:
    images, version = add_images(engine, 4), add_version(engine)
    job, other = plan(engine, images, version.id), add_version(engine, "other").id
    for sku, image in zip("ABCD", images, strict=True):
        add_product(engine, sku, [image])
        fail(engine, image, "truncated" if sku == "A" else "worker_lost")
    execute(engine, "UPDATE products SET category = 'Shoes' WHERE sku IN ('A', 'B')")
    shoes = filters.parse(["category=Shoes"])
    with engine.begin() as connection:
        assert jobs.retry(connection, job_id=job, products=filters.parse(["category=Hats"])) == 0
        assert jobs.retry(connection, version_id=other) == 0
        assert jobs.retry(connection, code="worker_lost", products=shoes) == 1
        assert jobs.failure_codes(connection, job) == {"worker_lost": 2, "truncated": 1}
        assert jobs.retry(connection, version_id=version.id, products=shoes) == 1
    assert rows(engine, "SELECT state FROM work_items ORDER BY image_id") == [
        ("pending",),
        ("pending",),
        ("quarantined",),
        ("quarantined",),
    ]


def test_failures_of_a_cancelled_job_stay(engine: sa.Engine) -> None:
    images = add_images(engine, 2)
    job = plan(engine, images, add_version(engine).id)
    fail(engine, images[0], "truncated")
    act(engine, job, "cancel")
    with engine.begin() as connection:
        assert jobs.retry(connection) == 0


# --- lanes


def test_each_lane_is_published_apart(engine: sa.Engine) -> None:
    images, version = add_images(engine, 6), add_version(engine).id
    plan(engine, images[:4], version)
    upload = fresh(engine, plan(engine, images[4:], version))
    made = make_ledger(engine)
    (chunk,) = made.publishable(100, lane="fresh")
    assert (chunk.job_id, chunk.image_ids, chunk.lane) == (upload, images[4:], "fresh")
    assert made.publishable(100, lane="fresh") == []
    assert published(made) == [images[:4]]
    assert made.forget_published(None, NOW, lane="fresh") == 2
    assert published(made) == []


def test_a_claim_is_topped_up_from_its_own_lane(engine: sa.Engine) -> None:
    images, version = add_images(engine, 8), add_version(engine).id
    plan(engine, images[:4], version)
    fresh(engine, plan(engine, images[4:], version))
    made = make_ledger(engine)
    found = made.claim(images[4:5], uuid4(), top_up_to=9, lane="fresh")
    assert [c.image_id for c in found] == images[4:]
    found = made.claim(images[1:2], uuid4(), top_up_to=9, lane="backlog")
    assert [c.image_id for c in found] == images[:4]


def test_older_jobs_come_first_within_a_lane(engine: sa.Engine) -> None:
    images, version = add_images(engine, 4), add_version(engine).id
    old, new = plan(engine, images[:2], version), plan(engine, images[2:], version)
    execute(
        engine, "UPDATE work_items SET next_attempt_at = now() - interval '1 day' WHERE job_id = :j", j=new
    )
    assert [chunk.job_id for chunk in make_ledger(engine).publishable(2)] == [old]


# --- what is told


def test_a_job_that_stands_still_is_told_with_the_likely_reason(engine: sa.Engine) -> None:
    images, version = add_images(engine, 3), add_version(engine).id
    add_product(engine, "A", images)
    with engine.begin() as connection:
        job, _ = stale.plan(connection, version, "product-type@1")
    ago = "UPDATE jobs SET created_at = now() - :minutes * interval '1 minute'"
    assert not progress(engine, job).warning
    execute(engine, ago, minutes=2)
    assert "for 2 min; no worker holds any of it" in progress(engine, job).warning
    made = make_ledger(engine)
    made.claim(images[:1], token := uuid4())
    assert not progress(engine, job).warning  # a batch takes its time
    execute(engine, ago, minutes=6)
    assert "workers hold photos and finish none" in progress(engine, job).warning
    made.release(token, timedelta(minutes=5))
    execute(engine, "UPDATE work_items SET state = 'retry'")
    assert not progress(engine, job).warning  # they wait for their next try


def test_a_job_that_waits_behind_others_does_not_stand_still(engine: sa.Engine) -> None:
    images, version = add_images(engine, 2), add_version(engine).id
    add_product(engine, "A", images)
    plan(engine, images[:1], version)
    with engine.begin() as connection:
        job, _ = stale.plan(connection, version, "product-type@1")
    execute(engine, "UPDATE jobs SET created_at = now() - interval '1 hour'")
    make_ledger(engine).claim(images[:1], uuid4())
    assert not progress(engine, job).warning


def test_jobs_are_found_however_many_items_they_have(engine: sa.Engine) -> None:
    """By jumps in an index: the plan of the statement reads no more than a few rows a job."""
    images, version = add_images(engine, 3000), add_version(engine).id
    made = [plan(engine, images[k : k + 1000], version) for k in (0, 1000, 2000)]
    act(engine, made[1], "pause")
    execute(engine, "ANALYZE work_items")
    with engine.connect() as connection:
        running = Ledger._running(connection, "backlog")
        assert [row.id for row in running] == [made[0], made[2]]
        told = connection.execute(sa.text(f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) {JOBS.text}")).scalars()
        read = Counter("Seq Scan on work_items" in line for line in told)
    assert not read[True]


# --- several at once


def test_an_ingest_a_retry_and_a_resume_at_once_do_not_deadlock(engine: sa.Engine) -> None:
    images, version = add_images(engine, 8000), add_version(engine).id
    add_product(engine, "A", images)
    job = plan(engine, images[:6000], version)
    execute(engine, "UPDATE work_items SET published_at = now()")
    execute(
        engine,
        "UPDATE work_items SET state = 'quarantined', error_code = 'x', error_reason = 'x' WHERE image_id % 2 = 0",
    )
    together = Barrier(3)

    def ingest() -> int:
        added = 0
        together.wait()
        for start in range(0, len(images), 256):
            with engine.begin() as connection:
                added += Ledger.plan(connection, job, images[start : start + 256][::-1], [version])
        return added

    def retry() -> int:
        together.wait()
        with engine.begin() as connection:
            return jobs.retry(connection)

    def pause_and_resume() -> None:
        together.wait()
        for action in ("pause", "resume") * 3:
            act(engine, job, action)

    with ThreadPoolExecutor(3) as pool:
        added, reopened, _ = pool.submit(ingest), pool.submit(retry), pool.submit(pause_and_resume).result()
        assert (added.result(), reopened.result()) == (2000, 3000)


def test_planning_what_is_there_neither_writes_nor_locks(engine: sa.Engine) -> None:
    images, version = add_images(engine, 20), add_version(engine).id
    job, made = plan(engine, images, version), make_ledger(engine)
    before = rows(engine, "SELECT ctid::text, xmin::text FROM work_items ORDER BY 1")
    with engine.begin() as connection:
        assert Ledger.plan(connection, job, images, [version]) == 0
        claimed = made.claim(images[:5], token := uuid4())
        assert len(claimed) == 5
    made.release(token)
    assert len(set(before) & set(rows(engine, "SELECT ctid::text, xmin::text FROM work_items"))) == 15
