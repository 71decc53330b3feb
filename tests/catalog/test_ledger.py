"""The ledger: who may work on what, and what became of it."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from uuid import UUID, uuid4

import numpy as np
import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DataError, DBAPIError

from catalog.ledger import Ledger, Swept, suspect_chunk
from catalog.ledger_sql import TOP_UP
from catalog.locks import try_sweep
from catalog.outcomes import ItemKey, Outcome, Quarantined, Retry, Stored
from models.predictions import Classification, Detections, Embedding
from tests.catalog.shop import (
    SHIRT,
    add_images,
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


def later(image_id: int, version_id: int, seconds: float = 0.0, *, counted: bool = True) -> Retry:
    return Retry(ItemKey(image_id, version_id), "busy", "Later.", timedelta(seconds=seconds), counted)


def attempts(engine: sa.Engine) -> list[int]:
    return [n for (n,) in rows(engine, "SELECT attempts FROM work_items ORDER BY image_id, model_version_id")]


def lose(engine: sa.Engine, ledger: Ledger, image_ids: list[int], times: int = 1) -> None:
    """`times` workers die holding these photos."""
    for _ in range(times):
        for image_id in image_ids:
            assert ledger.claim([image_id], uuid4())
        expire_leases(engine)
        ledger.sweep()


# --- planning and publishing


def test_planning_again_adds_only_what_is_missing(engine: sa.Engine) -> None:
    images, first, second = add_images(engine, 3), add_version(engine, "a").id, add_version(engine, "b").id
    job = plan(engine, images[:2], first)
    with engine.begin() as connection:
        assert Ledger.plan(connection, job, images, [first, second]) == 4
        assert Ledger.plan(connection, job, images, [first, second]) == 0
        assert Ledger.plan(connection, job, [], []) == 0
    assert states(engine) == {"pending": 6}


def test_plans_of_the_same_photos_in_other_orders_do_not_deadlock(engine: sa.Engine) -> None:
    images, versions = add_images(engine, 2000), [add_version(engine, name).id for name in "ab"]
    job, together = plan(engine, [], *versions), Barrier(4)

    def add(order: list[int]) -> int:
        with engine.begin() as connection:
            connection.execute(sa.text("SELECT 1"))
            together.wait()
            return Ledger.plan(connection, job, order, versions)

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(add, [images, images[::-1]] * 2)) == 4000


def test_due_items_are_published_once_in_chunks_of_images_by_job(engine: sa.Engine) -> None:
    images, versions = add_images(engine, 7), [add_version(engine, name).id for name in "ab"]
    job, other = plan(engine, images[:5], *versions), plan(engine, images[5:], *versions)
    ledger = make_ledger(engine, chunk_size=2)
    chunks = ledger.publishable(100)
    assert [(chunk.job_id, chunk.image_ids) for chunk in chunks] == [
        (job, images[0:2]),
        (job, images[2:4]),
        (job, images[4:5]),
        (other, images[5:7]),
    ]
    assert ledger.publishable(100) == []


def test_no_more_items_are_published_than_asked_for(engine: sa.Engine) -> None:
    images = add_images(engine, 5)
    plan(engine, images, add_version(engine).id)
    ledger = make_ledger(engine)
    found = [[image_id for chunk in ledger.publishable(2) for image_id in chunk.image_ids] for _ in range(4)]
    assert found == [images[0:2], images[2:4], images[4:5], []]


def test_publishers_that_run_at_once_publish_nothing_twice(engine: sa.Engine) -> None:
    images = add_images(engine, 200)
    plan(engine, images, add_version(engine).id)
    ledger = make_ledger(engine, chunk_size=7)
    with ThreadPoolExecutor(8) as pool:
        calls = pool.map(lambda _: ledger.publishable(30), range(16))
    published = [image_id for chunks in calls for chunk in chunks for image_id in chunk.image_ids]
    published += [image_id for chunk in ledger.publishable(1000) for image_id in chunk.image_ids]
    assert sorted(published) == images


def test_a_lost_message_is_published_again_after_its_time_in_transit_and_only_while_due(
    engine: sa.Engine,
) -> None:
    images, version = add_images(engine, 4), add_version(engine).id
    plan(engine, images, version)
    ledger = make_ledger(engine)
    ledger.publishable(100)
    assert ledger.forget_published(None) == 0
    token = uuid4()
    ledger.claim(images[:1], token)
    ledger.claim(images[1:2], token)
    ledger.settle(token, [stored(images[1], version)])
    assert ledger.forget_published(None, NOW) == 2
    assert [chunk.image_ids for chunk in ledger.publishable(100)] == [images[2:]]


# --- claiming


def test_a_claim_holds_all_that_is_due_of_its_images_and_nothing_else(engine: sa.Engine) -> None:
    images, versions = add_images(engine, 3), [add_version(engine, name).id for name in "ab"]
    plan(engine, images, *versions)
    ledger, token = make_ledger(engine), uuid4()
    ledger.claim(images[:1], first := uuid4())
    ledger.settle(first, [stored(images[0], versions[0]), later(images[0], versions[1])])
    found = ledger.claim(images[:2], token)
    assert [(c.image_id, c.versions, c.attempts) for c in found] == [
        (images[0], frozenset(versions[1:]), 2),
        (images[1], frozenset(versions), 1),
    ]
    hashes = dict(rows(engine, "SELECT id, sha256 FROM images"))
    keys = dict(rows(engine, "SELECT id, object_key FROM images"))
    assert all((c.sha256, c.object_key) == (hashes[c.image_id], keys[c.image_id]) for c in found)
    assert attempts(engine) == [1, 2, 1, 1, 0, 0]
    assert ledger.claim(images[:2], uuid4()) == []
    assert ledger.claim([], uuid4()) == []


def test_claims_that_race_give_each_item_to_exactly_one_token(engine: sa.Engine) -> None:
    images, versions = add_images(engine, 40), [add_version(engine, name).id for name in "abc"]
    plan(engine, images, *versions)
    ledger = make_ledger(engine)

    def claim(n: int) -> Counter[ItemKey]:
        found = ledger.claim(images if n % 2 else images[::-1], uuid4(), top_up_to=32)
        return Counter(ItemKey(c.image_id, version) for c in found for version in c.versions)

    with ThreadPoolExecutor(8) as pool:
        held = sum(pool.map(claim, range(24)), Counter[ItemKey]())
    assert held == Counter({ItemKey(image, version): 1 for image in images for version in versions})
    assert set(attempts(engine)) == {1}


def test_a_small_claim_is_topped_up_with_other_due_images(engine: sa.Engine) -> None:
    images, versions = add_images(engine, 10), [add_version(engine, name).id for name in "ab"]
    plan(engine, images, *versions)
    execute(
        engine,
        "UPDATE work_items SET next_attempt_at = now() + interval '1 hour' WHERE image_id = :i",
        i=images[0],
    )
    ledger = make_ledger(engine)
    found = ledger.claim(images[8:], uuid4(), top_up_to=5)
    assert [c.image_id for c in found] == [*images[1:4], *images[8:]]
    assert all(c.versions == frozenset(versions) for c in found)
    assert len(ledger.claim(images[4:7], uuid4(), top_up_to=2)) == 3
    assert [c.image_id for c in ledger.claim([], uuid4(), top_up_to=5)] == [images[7]]


def test_a_topped_up_claim_passes_over_images_that_were_tried_before(engine: sa.Engine) -> None:
    """Also where the image is new to another model: a photo that killed one worker would kill the next batch."""
    images, first = add_images(engine, 4), add_version(engine, "a").id
    plan(engine, images, first)
    ledger, token = make_ledger(engine), uuid4()
    lose(engine, ledger, images[:1])
    ledger.claim(images[1:2], token)
    ledger.settle(token, [later(images[1], first)])
    plan(engine, images, add_version(engine, "b").id)
    assert [c.image_id for c in ledger.claim(images[3:], uuid4(), top_up_to=9)] == images[2:]


def test_a_top_up_leaves_other_messages_their_images(engine: sa.Engine) -> None:
    """What a claim locks and does not take, a claim at the same time would pass over, and its message be spent."""
    images = add_images(engine, 20)
    job = plan(engine, images, add_version(engine).id)
    ledger = make_ledger(engine)
    with engine.connect() as connection:
        taken = list(connection.scalars(TOP_UP, {"images": 3, "taken": [], "jobs": [job]}))
        assert [c.image_id for c in ledger.claim(images, uuid4())] == images[3:]
        connection.rollback()
    assert taken == images[:3]


# --- the fence


def test_results_and_state_are_written_together(engine: sa.Engine) -> None:
    images, version = add_images(engine, 4), add_version(engine).id
    plan(engine, images, version)
    ledger, token = make_ledger(engine), uuid4()
    ledger.claim(images, token)
    outcomes: list[Outcome] = [
        stored(images[0], version),
        Stored(ItemKey(images[1], version), Detections(())),
        Quarantined(ItemKey(images[2], version), "truncated", "The file ends too early."),
        later(images[3], version, 60),
    ]
    assert ledger.settle(token, outcomes) == 0
    assert rows(
        engine,
        """
        SELECT state, error_code, error_reason, finished_at IS NOT NULL, published_at, lease_token, lease_expires_at
        FROM work_items ORDER BY image_id
        """,
    ) == [
        ("done", None, None, True, None, None, None),
        ("done", None, None, True, None, None, None),
        ("quarantined", "truncated", "The file ends too early.", True, None, None, None),
        ("retry", "busy", "Later.", False, None, None, None),
    ]
    assert rows(engine, "SELECT image_id, label FROM classifications ORDER BY rank") == [
        (images[0], "Shirt"),
        (images[0], "Coat"),
    ]


@pytest.mark.parametrize("taken_over", [False, True])
def test_a_token_that_lost_its_lease_writes_nothing(engine: sa.Engine, taken_over: bool) -> None:
    (image_id,), version = add_images(engine, 1), add_version(engine).id
    plan(engine, [image_id], version)
    ledger, zombie = make_ledger(engine), uuid4()
    ledger.claim([image_id], zombie)
    expire_leases(engine)
    assert ledger.sweep() == Swept(retried=1)
    if taken_over:
        ledger.claim([image_id], uuid4())
    before = rows(engine, "SELECT * FROM work_items")
    broken = Quarantined(ItemKey(image_id, version), "x", "X.")
    outcomes: list[Outcome] = [stored(image_id, version), later(image_id, version), broken]
    for outcome in outcomes:
        assert ledger.settle(zombie, [outcome]) == 1
    assert ledger.heartbeat(zombie) == 0
    assert ledger.release(zombie) == 0
    assert rows(engine, "SELECT * FROM work_items") == before
    assert rows(engine, "SELECT * FROM classifications") == []


def test_the_fence_refuses_by_item_not_by_batch(engine: sa.Engine) -> None:
    images, version = add_images(engine, 3), add_version(engine).id
    plan(engine, images, version)
    ledger, token = make_ledger(engine), uuid4()
    ledger.claim(images[:2], token)
    assert ledger.settle(token, [stored(image_id, version) for image_id in images]) == 1
    assert states(engine) == {"done": 2, "pending": 1}
    assert ledger.settle(token, [stored(images[0], version)]) == 1
    assert rows(engine, "SELECT count(*) FROM classifications") == [(4,)]


def test_a_result_that_cannot_be_written_rolls_back_its_whole_batch(engine: sa.Engine) -> None:
    images, version = add_images(engine, 2), add_version(engine).id
    plan(engine, images, version)
    ledger, token = make_ledger(engine), uuid4()
    ledger.claim(images, token)
    before = rows(engine, "SELECT * FROM work_items ORDER BY image_id")
    not_a_number = Embedding(np.array([np.nan], np.float32))
    with pytest.raises(DataError):
        ledger.settle(token, [stored(images[0], version), Stored(ItemKey(images[1], version), not_a_number)])
    assert rows(engine, "SELECT * FROM work_items ORDER BY image_id") == before
    assert rows(engine, "SELECT count(*) FROM classifications") == [(0,)]


def test_a_settlement_and_a_release_of_one_token_do_not_deadlock(engine: sa.Engine) -> None:
    images, version = add_images(engine, 300), add_version(engine).id
    plan(engine, images, version)
    ledger = make_ledger(engine)

    def settle(token: UUID, part: list[int]) -> int:
        return len(part) - ledger.settle(
            token, [Stored(ItemKey(i, version), Classification(())) for i in part]
        )

    with ThreadPoolExecutor(4) as pool:
        for _ in range(5):
            token = uuid4()
            held = [c.image_id for c in ledger.claim(images, token)]
            part = held[::-3][:10]
            settled = [pool.submit(settle, token, part[n::2]) for n in (0, 1)]
            released = pool.submit(ledger.release, token)
            beats = pool.submit(ledger.heartbeat, token)
            assert beats.result() <= len(held)
            assert sum(future.result() for future in settled) + released.result() == len(held)


# --- leases


def test_a_heartbeat_prolongs_the_lease(engine: sa.Engine) -> None:
    images = add_images(engine, 2)
    plan(engine, images, add_version(engine).id)
    ledger, token = make_ledger(engine), uuid4()
    ledger.claim(images, token)
    expire_leases(engine)
    assert ledger.heartbeat(token) == 2
    assert ledger.sweep() == Swept()
    left = rows(engine, "SELECT extract(epoch FROM lease_expires_at - now())::float FROM work_items")
    assert all(25 < seconds <= 30 for (seconds,) in left)


def test_the_sweep_takes_back_what_ran_out_and_nothing_else(engine: sa.Engine) -> None:
    images, version = add_images(engine, 3), add_version(engine).id
    plan(engine, images, version)
    ledger, dead, alive = make_ledger(engine), uuid4(), uuid4()
    ledger.publishable(100)
    ledger.claim(images[:1], dead)
    expire_leases(engine)
    ledger.claim(images[1:2], alive)
    assert ledger.sweep() == Swept(retried=1)
    assert states(engine) == {"retry": 1, "leased": 1, "pending": 1}
    assert [chunk.image_ids for chunk in ledger.publishable(100)] == [images[:1]]
    assert ledger.settle(alive, [stored(images[1], version)]) == 0


def test_an_item_whose_worker_died_at_its_last_attempt_is_quarantined(engine: sa.Engine) -> None:
    images = add_images(engine, 1)
    plan(engine, images, add_version(engine).id)
    ledger = make_ledger(engine, max_attempts=3)
    lose(engine, ledger, images, times=2)
    assert states(engine) == {"retry": 1}
    ledger.claim(images, uuid4())
    expire_leases(engine)
    assert ledger.sweep() == Swept(quarantined=1)
    found = rows(
        engine, "SELECT error_code, error_reason, finished_at IS NOT NULL, lease_token FROM work_items"
    )
    reason = "The worker died or fell silent while it held this photo (attempt 3)."
    assert found == [("worker_lost", reason, True, None)]
    assert ledger.claim(images, uuid4()) == []


def test_one_sweep_runs_at_a_time(engine: sa.Engine) -> None:
    images = add_images(engine, 1)
    plan(engine, images, add_version(engine).id)
    ledger = make_ledger(engine)
    ledger.claim(images, uuid4())
    expire_leases(engine)
    with engine.begin() as connection:
        assert try_sweep(connection)
        assert ledger.sweep() == Swept()
    assert ledger.sweep() == Swept(retried=1)


def test_a_release_gives_back_the_attempt_and_the_work(engine: sa.Engine) -> None:
    images, version = add_images(engine, 3), add_version(engine).id
    plan(engine, images, version)
    ledger, token = make_ledger(engine), uuid4()
    ledger.publishable(100)
    ledger.claim(images, token)
    ledger.settle(token, [stored(images[0], version)])
    assert ledger.release(token) == 2
    assert attempts(engine) == [1, 0, 0]
    assert [chunk.image_ids for chunk in ledger.publishable(100)] == [images[1:]]


@pytest.mark.parametrize(("counted", "left"), [(True, 1), (False, 0)])
def test_a_retry_waits_for_its_time_and_costs_an_attempt_if_it_counts(
    engine: sa.Engine, counted: bool, left: int
) -> None:
    images, version = add_images(engine, 1), add_version(engine).id
    plan(engine, images, version)
    ledger, token = make_ledger(engine), uuid4()
    ledger.publishable(100)
    ledger.claim(images, token)
    ledger.settle(token, [later(images[0], version, 60, counted=counted)])
    assert attempts(engine) == [left]
    assert ledger.publishable(100) == []
    assert ledger.claim(images, uuid4(), top_up_to=9) == []
    waits = rows(engine, "SELECT extract(epoch FROM next_attempt_at - now())::float FROM work_items")[0][0]
    assert 50 < waits <= 60
    execute(engine, "UPDATE work_items SET next_attempt_at = now()")
    assert [chunk.image_ids for chunk in ledger.publishable(100)] == [images]
    assert [c.attempts for c in ledger.claim(images, uuid4())] == [left + 1]


def test_work_is_open_until_each_item_is_over(engine: sa.Engine) -> None:
    images, version = add_images(engine, 2), add_version(engine).id
    ledger, token = make_ledger(engine), uuid4()
    seen = [ledger.has_open_items()]
    plan(engine, images, version)
    seen.append(ledger.has_open_items())
    ledger.claim(images, token)
    seen.append(ledger.has_open_items())
    ledger.settle(token, [stored(images[0], version), later(images[1], version, 60)])
    seen.append(ledger.has_open_items())
    execute(engine, "UPDATE work_items SET next_attempt_at = now() WHERE state = 'retry'")
    ledger.claim(images[1:], token)
    ledger.settle(token, [Quarantined(ItemKey(images[1], version), "x", "X.")])
    seen.append(ledger.has_open_items())
    assert seen == [False, True, True, True, False]


# --- suspects


@pytest.mark.parametrize(
    ("chunk_size", "max_attempts", "sizes"),
    [
        (128, 4, [128, 16, 2, 1, 1]),
        (256, 4, [256, 32, 4, 1, 1]),
        (4096, 4, [4096, 512, 64, 1, 1]),
        (128, 2, [128, 1, 1]),
        (128, 1, [128, 1]),
        (1, 4, [1, 1, 1, 1, 1]),
    ],
)
def test_suspects_come_in_smaller_chunks_and_alone_at_their_last_attempt(
    chunk_size: int, max_attempts: int, sizes: list[int]
) -> None:
    assert [suspect_chunk(chunk_size, losses, max_attempts) for losses in range(len(sizes))] == sizes


def test_suspects_are_published_and_claimed_apart_from_the_rest(engine: sa.Engine) -> None:
    images = add_images(engine, 6)
    plan(engine, images, add_version(engine).id)
    ledger = make_ledger(engine, chunk_size=16)
    lose(engine, ledger, images[:3])
    lose(engine, ledger, images[2:3])
    assert [chunk.image_ids for chunk in ledger.publishable(100)] == [images[3:], images[0:2], images[2:3]]
    # An old message may still hold them all: the healthy go first, then the worst suspect, then the others.
    held = [[c.image_id for c in ledger.claim(images, uuid4(), top_up_to=9)] for _ in range(4)]
    assert held == [images[3:], images[2:3], images[0:2], []]


def test_what_a_claim_leaves_out_is_published_again(engine: sa.Engine) -> None:
    images = add_images(engine, 4)
    plan(engine, images, add_version(engine).id)
    ledger = make_ledger(engine, chunk_size=16)
    lose(engine, ledger, images[:3])
    ledger.publishable(100)
    ledger.claim(images, uuid4())
    assert [chunk.image_ids for chunk in ledger.publishable(100)] == [images[0:2], images[2:3]]


def test_at_its_last_attempt_a_photo_is_alone_whatever_it_failed_of_before(engine: sa.Engine) -> None:
    """Else a worker that dies of its neighbour would be its end."""
    images, version = add_images(engine, 4), add_version(engine).id
    plan(engine, images, version)
    ledger = make_ledger(engine, max_attempts=3)
    for _ in range(2):
        ledger.claim(images[:2], token := uuid4())
        ledger.settle(token, [later(image, version) for image in images[:2]])
    assert [chunk.image_ids for chunk in ledger.publishable(100)] == [images[2:], images[:1], images[1:2]]
    held = [[c.image_id for c in ledger.claim(images, uuid4(), top_up_to=9)] for _ in range(4)]
    assert held == [images[2:], images[:1], images[1:2], []]


@pytest.mark.parametrize(("chunk_size", "max_attempts"), [(128, 4), (128, 3), (256, 3)])
def test_a_photo_that_kills_its_worker_is_quarantined_alone(
    engine: sa.Engine, chunk_size: int, max_attempts: int
) -> None:
    images, versions = add_images(engine, 300), [add_version(engine, name).id for name in "ab"]
    plan(engine, images, *versions)
    killers = {images[17], images[140]}
    ledger = make_ledger(engine, chunk_size=chunk_size, max_attempts=max_attempts)
    sizes: dict[int, set[int]] = {}
    while ledger.has_open_items():
        for chunk in ledger.publishable(10_000):
            claimed = ledger.claim(chunk.image_ids, token := uuid4(), top_up_to=32)
            sizes.setdefault(max((c.attempts for c in claimed), default=0), set()).add(len(claimed))
            if killers.isdisjoint(c.image_id for c in claimed):
                done = [
                    Stored(ItemKey(c.image_id, v), Classification(())) for c in claimed for v in c.versions
                ]
                assert ledger.settle(token, done) == 0
        expire_leases(engine)
        ledger.sweep()
    assert states(engine) == {"done": 2 * 298, "quarantined": 4}
    lost = rows(
        engine, "SELECT DISTINCT image_id, error_code, attempts FROM work_items WHERE state = 'quarantined'"
    )
    assert set(lost) == {(killer, "worker_lost", max_attempts) for killer in killers}
    assert sizes[max_attempts] == {1}


# --- statements


def test_claims_that_leave_out_items_of_the_same_images_do_not_deadlock(engine: sa.Engine) -> None:
    images, versions = add_images(engine, 60), [add_version(engine, name).id for name in "abc"]
    plan(engine, images, *versions)
    ledger = make_ledger(engine, chunk_size=8)
    execute(engine, "UPDATE work_items SET state = 'retry', attempts = 1, error_code = 'worker_lost'")

    def work(n: int) -> None:
        for _ in range(6):
            token = uuid4()
            ledger.claim(images if n % 2 else images[::-1], token)
            ledger.forget_published(None, NOW)
            ledger.publishable(20)
            ledger.release(token)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))
    assert states(engine) == {"retry": 180}


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("state", "'lost'"),
        ("state", "'quarantined'"),
        ("lease_token", "gen_random_uuid()"),
        ("lease_expires_at", "now()"),
        ("attempts", "-1"),
        ("losses", "-1"),
        ("deferrals", "-1"),
        ("image_id", "0"),
        ("model_version_id", "0"),
    ],
)
def test_the_database_refuses_impossible_items(engine: sa.Engine, column: str, value: str) -> None:
    plan(engine, add_images(engine, 1), add_version(engine).id)
    with pytest.raises(DBAPIError):
        execute(engine, f"UPDATE work_items SET {column} = {value}")


def test_the_lease_of_a_claim_runs_out_by_itself(engine: sa.Engine) -> None:
    images, version = add_images(engine, 1), add_version(engine).id
    plan(engine, images, version)
    ledger, token = make_ledger(engine, lease=timedelta(milliseconds=100)), uuid4()
    ledger.claim(images, token)
    with engine.connect() as connection:
        connection.execute(sa.text("SELECT pg_sleep(0.15)"))
    assert ledger.sweep() == Swept(retried=1)
    assert ledger.settle(token, [Stored(ItemKey(images[0], version), SHIRT)]) == 1


# --- a clock that was set back


def test_leases_written_before_the_clock_was_set_back_are_shortened_not_taken(engine: sa.Engine) -> None:
    images, version = add_images(engine, 2), add_version(engine).id
    plan(engine, images, version)
    ledger = make_ledger(engine)
    ledger.claim(images[:1], dead := uuid4())
    ledger.claim(images[1:], alive := uuid4())
    execute(engine, "UPDATE work_items SET lease_expires_at = lease_expires_at + interval '1 hour'")
    assert ledger.sweep() == Swept()
    (left,) = rows(engine, "SELECT max(lease_expires_at) - now() <= interval '30 s' FROM work_items")
    assert left == (True,)
    assert (ledger.heartbeat(alive), ledger.heartbeat(dead)) == (1, 1)


def test_work_that_became_due_in_the_future_is_due_after_a_sweep(engine: sa.Engine) -> None:
    images, version = add_images(engine, 2), add_version(engine).id
    plan(engine, images, version)
    ledger = make_ledger(engine)
    execute(engine, "UPDATE work_items SET next_attempt_at = now() + interval '1 hour'")
    assert ledger.publishable(10) == []
    ledger.sweep()
    assert [chunk.image_ids for chunk in ledger.publishable(10)] == [images]


def test_a_back_off_is_not_taken_for_a_clock_that_was_set_back(engine: sa.Engine) -> None:
    plan(engine, add_images(engine, 2), add_version(engine).id)
    ledger = make_ledger(engine)
    execute(engine, "UPDATE work_items SET next_attempt_at = now() + interval '5 minutes'")
    ledger.sweep()
    assert ledger.publishable(10) == []
