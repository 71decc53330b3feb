"""What happened becomes deliveries, in the transaction in which it happened."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
import sqlalchemy as sa

from catalog import events, holds, jobs, promotion, webhooks
from catalog.acceptance import Taken, accept
from catalog.events import Event
from catalog.intake import NewPhoto
from catalog.manifests import ProductRow, Row
from catalog.outcomes import ItemKey, Outcome, Quarantined, Stored
from models.photo import PhotoInfo
from models.predictions import (
    Box,
    Classification,
    Detection,
    Detections,
    Embedding,
    Prediction,
    Score,
    Segment,
    Segmentation,
)
from models.runs import Runs
from tests.catalog.shop import (
    add_images,
    add_product,
    add_version,
    execute,
    make_ledger,
    plan,
    rows,
    stored,
)

BOX = Box(0, 0, 4, 4)
ENDS = (Event.JOB_DONE, Event.JOB_FAILED)


def listen(engine: sa.Engine, *told_of: Event, labels: Sequence[str] = ()) -> int:
    with engine.begin() as connection:
        return webhooks.add(connection, "https://shop.example/hooks", told_of, labels).id


def told(engine: sa.Engine) -> list[tuple[str, dict[str, Any]]]:
    query = "SELECT event, payload FROM webhook_deliveries ORDER BY id"
    return [(event, payload) for event, payload in rows(engine, query)]


def close(engine: sa.Engine, job: int, **summary: Any) -> int:
    with engine.begin() as connection:
        jobs.close(connection, job, summary)
    return job


def settle(engine: sa.Engine, images: Sequence[int], *outcomes: Outcome) -> None:
    ledger, token = make_ledger(engine), uuid4()
    ledger.claim(images, token)
    assert ledger.settle(token, outcomes) == 0


def quarantined(image: int, version: int) -> Quarantined:
    return Quarantined(ItemKey(image, version), "bad_photo", "It is none.")


def retry(engine: sa.Engine, job: int) -> int:
    with engine.begin() as connection:
        return jobs.retry(connection, job_id=job)


# --- jobs


def test_a_job_is_told_when_it_is_closed_and_nothing_of_it_is_open(engine: sa.Engine) -> None:
    listen(engine, *ENDS)
    images, version = add_images(engine, 2), add_version(engine).id
    job, ledger = plan(engine, images, version), make_ledger(engine)
    settle(engine, images, stored(images[0], version))
    close(engine, job, rows=2)
    assert ledger.end_jobs() == 0  # one photo is leased
    execute(
        engine, "UPDATE work_items SET lease_expires_at = now() - interval '1 second' WHERE state = 'leased'"
    )
    ledger.sweep()
    assert ledger.end_jobs() == 0  # and now to be tried again
    settle(engine, images[1:], stored(images[1], version))
    assert (ledger.end_jobs(), ledger.end_jobs()) == (1, 0)
    ((event, payload),) = told(engine)
    assert event == "job.done"
    assert payload.pop("created_at") < payload.pop("ended_at")
    assert payload == {
        "job_id": job,
        "kind": "ingest",
        "subject": "products.csv",
        "state": "finished",
        "items": 2,
        "done": 2,
        "quarantined": 0,
        "cancelled": 0,
        "summary": {"rows": 2},
    }


def test_an_ingest_that_still_adds_has_not_ended(engine: sa.Engine) -> None:
    images, version = add_images(engine, 1), add_version(engine).id
    plan(engine, images, version)
    settle(engine, images, stored(images[0], version))
    assert make_ledger(engine).end_jobs() == 0


def test_which_jobs_have_failed(engine: sa.Engine) -> None:
    listen(engine, *ENDS)
    images, version = add_images(engine, 5), add_version(engine).id
    none_done, some_done, in_error, cancelled = (
        plan(engine, of, version) for of in (images[:1], images[1:3], [], images[3:])
    )
    settle(
        engine,
        images,
        *(quarantined(image, version) for image in (images[0], images[1], images[3])),
        stored(images[2], version),
    )
    with engine.begin() as connection:
        holds.act(connection, cancelled, "cancel")
    make_ledger(engine).release(
        rows(engine, "SELECT lease_token FROM work_items WHERE state = 'leased'")[0][0]
    )
    make_ledger(engine).cancel()
    for job in (none_done, some_done, cancelled):
        close(engine, job)
    close(engine, in_error, error="it broke")
    make_ledger(engine).end_jobs()
    found = {payload["job_id"]: (event, payload["state"]) for event, payload in told(engine)}
    assert found == {
        none_done: ("job.failed", "finished"),
        some_done: ("job.done", "finished"),
        in_error: ("job.failed", "finished"),
        cancelled: ("job.done", "cancelled"),
    }


def test_a_webhook_is_told_only_of_what_it_listens_to(engine: sa.Engine) -> None:
    done, failed = listen(engine, Event.JOB_DONE), listen(engine, Event.JOB_FAILED)
    close(engine, plan(engine, [], 1))
    close(engine, plan(engine, [], 1), error="it broke")
    assert make_ledger(engine).end_jobs() == 2
    query = "SELECT webhook_id, event FROM webhook_deliveries ORDER BY 1"
    assert rows(engine, query) == [(done, "job.done"), (failed, "job.failed")]


def test_a_job_tried_again_is_told_again(engine: sa.Engine) -> None:
    listen(engine, *ENDS)
    (image,), version = add_images(engine, 1), add_version(engine).id
    job = close(engine, plan(engine, [image], version))
    settle(engine, [image], quarantined(image, version))
    ledger = make_ledger(engine)
    assert (ledger.end_jobs(), retry(engine, job), ledger.end_jobs()) == (1, 1, 0)
    settle(engine, [image], stored(image, version))
    assert ledger.end_jobs() == 1
    assert [event for event, _ in told(engine)] == ["job.failed", "job.done"]


def test_a_job_that_gets_work_after_its_end_is_told_again(engine: sa.Engine) -> None:
    """As of an ingest that was taken for dead, and goes on."""
    listen(engine, *ENDS)
    version = add_version(engine).id
    job, ledger = close(engine, plan(engine, [], version)), make_ledger(engine)
    assert ledger.end_jobs() == 1
    product = ProductRow("A", None, None, None, None, None, None, None, {})
    photo = NewPhoto("a" * 64, b"", PhotoInfo("JPEG", 4, 4))
    with engine.begin() as connection:
        accept(connection, job, [Taken(Row(1, product, ("a.jpg",)), (("a.jpg", photo),))], [version], str)
    assert ledger.end_jobs() == 0
    (image,) = (image for (image,) in rows(engine, "SELECT id FROM images"))
    settle(engine, [image], stored(image, version))
    assert ledger.end_jobs() == 1
    assert [payload["items"] for _, payload in told(engine)] == [0, 1]


def test_sweeps_at_once_end_a_job_once(engine: sa.Engine) -> None:
    listen(engine, *ENDS)
    for _ in range(5):
        close(engine, plan(engine, [], 1))
    start = threading.Barrier(4)

    def one(_: int) -> int:
        start.wait()
        return make_ledger(engine).end_jobs()

    with ThreadPoolExecutor(4) as pool:
        ended = sum(pool.map(one, range(4)))
    assert (ended, len(told(engine))) == (5, 5)


def test_a_job_that_is_reopened_at_this_moment_does_not_end(engine: sa.Engine) -> None:
    (image,), version = add_images(engine, 1), add_version(engine).id
    job = close(engine, plan(engine, [image], version))
    settle(engine, [image], quarantined(image, version))
    with engine.begin() as connection:
        jobs.retry(connection, job_id=job)  # not committed yet
        assert make_ledger(engine).end_jobs() == 0
    assert make_ledger(engine).end_jobs() == 0
    assert rows(engine, "SELECT ended_at FROM jobs") == [(None,)]


def test_a_job_that_was_reopened_since_it_was_looked_at_does_not_end(engine: sa.Engine) -> None:
    """The second look: what was committed between the first one and its lock is open."""
    images, version = add_images(engine, 1), add_version(engine).id
    job = close(engine, plan(engine, images, version))
    with engine.begin() as connection:
        assert connection.scalars(events._END, {"jobs": [job]}).all() == []


def test_ended_jobs_are_not_looked_at(engine: sa.Engine) -> None:
    execute(
        engine,
        "INSERT INTO jobs (kind, subject, closed_at, ended_at) "
        "SELECT 'ingest', 'x', now(), now() FROM generate_series(1, 5000)",
    )
    execute(engine, "ANALYZE jobs")
    plan_of_it = rows(engine, f"EXPLAIN {events._LOCK_OVER.text}")
    assert any("ix_jobs_unended" in line for (line,) in plan_of_it), plan_of_it


# --- versions


def test_a_promotion_is_told_with_its_transaction_or_not_at_all(engine: sa.Engine) -> None:
    listen(engine, Event.VERSION_PROMOTED)
    for number in (1, 2):
        add_version(engine, version=number)
    with engine.begin() as connection:
        promotion.promote(connection, "product-type@2")
        connection.get_transaction().rollback()  # type: ignore[union-attr]
    assert told(engine) == []
    for number in (2, 1):
        with engine.begin() as connection:
            promotion.promote(connection, f"product-type@{number}")
    found = [(event, payload["model"], payload["retired"]) for event, payload in told(engine)]
    assert found == [
        ("version.promoted", "product-type@2", "product-type@1"),
        ("version.promoted", "product-type@1", "product-type@2"),
    ]


# --- labels


def seen(engine: sa.Engine) -> list[tuple[str, float, str]]:
    return [(p["label"], round(p["score"], 3), p["model"]) for _, p in told(engine)]


PREDICTIONS: list[tuple[str, Prediction]] = [
    ("classify", Classification((Score("Shirt", 0.75), Score("Coat", 0.25)))),
    ("detect", Detections((Detection("Shirt", 0.75, BOX), Detection("Shirt", 0.6, BOX)))),
    ("segment", Segmentation(Runs.of(np.ones((2, 2), np.uint8)), (Segment("Shirt", 0.75, BOX, 1.0),))),
]


@pytest.mark.parametrize(("task", "prediction"), PREDICTIONS)
def test_a_watched_label_is_told_with_its_photo_and_products(
    engine: sa.Engine, task: str, prediction: Prediction
) -> None:
    version = add_version(engine, task=task).id
    listen(engine, Event.LABEL_SEEN, labels=["Shirt"])
    (image,) = add_images(engine, 1)
    for sku in ("B", "A"):
        add_product(engine, sku, [image])
    plan(engine, [image], version)
    settle(engine, [image], Stored(ItemKey(image, version), prediction, "masks/x.png"))
    ((event, payload),) = told(engine)
    assert event == "label.seen"
    assert payload == {
        "image_id": image,
        "label": "Shirt",
        "score": 0.75,
        "model": "product-type@1",
        "skus": ["A", "B"],
    }


@pytest.mark.parametrize(
    ("thresholds", "told_of"),
    [
        ({}, ["Shirt"]),
        ({"": 0.8}, []),
        ({"": 0.2}, ["Coat", "Shirt"]),
        ({"": 0.2, "Coat": 0.3}, ["Shirt"]),
        ({"Shirt": 0.75}, ["Shirt"]),
    ],
)
def test_thresholds_are_those_of_the_views(
    engine: sa.Engine, thresholds: dict[str, float], told_of: list[str]
) -> None:
    version = add_version(engine).id
    listen(engine, Event.LABEL_SEEN, labels=["Shirt", "Coat"])
    for label, threshold in thresholds.items():
        execute(
            engine,
            "INSERT INTO thresholds VALUES ('product-type', :label, :threshold)",
            label=label,
            threshold=threshold,
        )
    (image,) = add_images(engine, 1)
    add_product(engine, "A", [image])
    plan(engine, [image], version)
    settle(engine, [image], stored(image, version))
    assert [label for label, _, _ in seen(engine)] == told_of
    assert rows(engine, "SELECT label FROM product_tags ORDER BY 1") == [(label,) for label in told_of]


def test_only_versions_that_serve_tell_and_each_photo_and_label_once(engine: sa.Engine) -> None:
    first, candidate = (add_version(engine, version=number).id for number in (1, 2))
    other = add_version(engine, "other-type").id
    webhook = listen(engine, Event.LABEL_SEEN, labels=["Shirt"])
    (image,) = add_images(engine, 1)
    plan(engine, [image], first, candidate, other)
    surer = Stored(ItemKey(image, other), Classification((Score("Shirt", 0.875),)))
    settle(engine, [image], stored(image, candidate))
    assert told(engine) == []
    execute(engine, "UPDATE work_items SET lease_expires_at = now() - interval '1 s' WHERE state = 'leased'")
    make_ledger(engine).sweep()
    settle(engine, [image], stored(image, first), surer)
    assert seen(engine) == [("Shirt", 0.875, "other-type@1")]
    with engine.begin() as connection:  # and of a later run over the same photo nothing
        events.labels_seen(connection, [stored(image, first)])
    assert rows(engine, "SELECT webhook_id FROM webhook_deliveries") == [(webhook,)]


def statements(engine: sa.Engine, images: Sequence[int], *outcomes: Outcome) -> list[str]:
    ledger, token = make_ledger(engine), uuid4()
    ledger.claim(images, token)
    found: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        found.append(statement)

    sa.event.listen(engine, "before_cursor_execute", note)
    ledger.settle(token, outcomes)
    sa.event.remove(engine, "before_cursor_execute", note)
    return [statement for statement in found if "webhook" in statement]


def test_a_settle_asks_once_for_webhooks_and_never_where_no_label_was_given(engine: sa.Engine) -> None:
    images, version = add_images(engine, 3), add_version(engine).id
    plan(engine, images, version)
    nothing = Stored(ItemKey(images[0], version), Detections(()))
    vector = Stored(ItemKey(images[1], version), Embedding(np.array([0.6, 0.8], np.float32)))
    assert statements(engine, images[:2], nothing, vector) == []
    assert len(statements(engine, images[2:], stored(images[2], version))) == 1
    assert told(engine) == []


def test_a_webhook_that_is_removed_at_this_moment_fails_no_settle(engine: sa.Engine) -> None:
    images, version = add_images(engine, 1), add_version(engine).id
    watching = listen(engine, Event.LABEL_SEEN, labels=["Shirt"])
    plan(engine, images, version)
    with ThreadPoolExecutor(1) as pool:
        with engine.begin() as connection:
            webhooks.remove(connection, watching)
            settled = pool.submit(settle, engine, images, stored(images[0], version))
            with pytest.raises(TimeoutError):
                settled.result(timeout=0.5)
        settled.result(timeout=10)
    assert told(engine) == []
    assert rows(engine, "SELECT state FROM work_items") == [("done",)]


def test_what_the_fence_refuses_is_not_told(engine: sa.Engine) -> None:
    version = add_version(engine).id
    listen(engine, Event.LABEL_SEEN, labels=["Shirt"])
    (image,) = add_images(engine, 1)
    plan(engine, [image], version)
    assert make_ledger(engine).settle(uuid4(), [stored(image, version)]) == 1
    assert told(engine) == []
