"""What downstream SQL reads: thresholds, people's overrides, serving versions, progress and failures."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
import sqlalchemy as sa

from catalog import acceptance, jobs, results, stale
from catalog.errors import UnknownJob
from catalog.manifests import RowError
from catalog.outcomes import ItemKey, Quarantined, Retry, Stored
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
    expire_leases,
    make_ledger,
    plan,
    rows,
    stored,
)

SCORES = {"Shirt": 0.7, "Coat": 0.5, "Bag": 0.4, "Dress": 0.1}
CLASSES = Classification(tuple(Score(label, score) for label, score in SCORES.items()))
BOX = Box(1, 2, 3, 4)


def predict(engine: sa.Engine, image_id: int, version_id: int, prediction: Prediction) -> None:
    with engine.begin() as connection:
        key = ItemKey(image_id, version_id)
        results.write(connection, [Stored(key, prediction, "masks/m@1/x.png")])


def set_threshold(engine: sa.Engine, label: str, threshold: float, model: str = "product-type") -> None:
    statement = "INSERT INTO thresholds (model_name, label, threshold) VALUES (:model, :label, :threshold)"
    execute(engine, statement, model=model, label=label, threshold=threshold)


def override(engine: sa.Engine, product_id: int, label: str, accepted: bool) -> None:
    columns = "(product_id, label, accepted, author)"
    statement = f"INSERT INTO overrides {columns} VALUES (:product, :label, :accepted, 'Ann')"
    execute(engine, statement, product=product_id, label=label, accepted=accepted)


@pytest.mark.parametrize(
    ("thresholds", "shown"),
    [
        ({}, {"Shirt", "Coat"}),
        ({"": 0.4}, {"Shirt", "Coat", "Bag"}),
        ({"": 0.71}, set()),
        ({"Shirt": 0.8}, {"Coat"}),
        ({"": 0.9, "Dress": 0.1}, {"Dress"}),
        ({"": 0.1, "Coat": 0.6}, {"Shirt", "Bag", "Dress"}),
        ({"Shirt": 0.7}, {"Shirt", "Coat"}),
        ({"": 0}, set(SCORES)),
    ],
)
def test_a_label_counts_from_its_own_threshold_or_its_models_or_a_half(
    engine: sa.Engine, thresholds: Mapping[str, float], shown: set[str]
) -> None:
    (image_id,), version = add_images(engine, 1), add_version(engine)
    add_product(engine, "A", [image_id])
    predict(engine, image_id, version.id, CLASSES)
    set_threshold(engine, "", 0.0, model="another-model")
    for label, threshold in thresholds.items():
        set_threshold(engine, label, threshold)
    assert {label for (label,) in rows(engine, "SELECT label FROM product_tags")} == shown


def test_a_person_hides_and_adds_labels_of_one_product_whatever_the_models_say(engine: sa.Engine) -> None:
    (image_id,), first, second = add_images(engine, 1), add_version(engine), add_version(engine, version=2)
    corrected = add_product(engine, "A", [image_id])
    add_product(engine, "B", [image_id])
    for label, accepted in (("Shirt", False), ("Coat", True), ("Trouser", True)):
        override(engine, corrected, label, accepted)
    tags = "SELECT sku, label, image_id IS NULL, score, model_version, origin FROM product_tags ORDER BY 1, 2"
    by_person = [("A", "Coat", True, 1.0, None, "person"), ("A", "Trouser", True, 1.0, None, "person")]
    assert rows(engine, tags) == by_person
    for version in (first, second):
        predict(engine, image_id, version.id, CLASSES)
        execute(engine, "UPDATE model_versions SET state = 'retired'")
        execute(engine, "UPDATE model_versions SET state = 'serving' WHERE id = :id", id=version.id)
        found = rows(engine, tags)
        assert found[:2] == by_person
        assert [(sku, label, n, origin) for sku, label, _, _, n, origin in found[2:]] == [
            ("B", "Coat", version.version, "model"),
            ("B", "Shirt", version.version, "model"),
        ]


def test_the_views_show_what_serves_of_every_task_in_photo_pixels(engine: sa.Engine) -> None:
    (image_id,) = add_images(engine, 1)
    product_id = add_product(engine, "A", [image_id])
    predictions: dict[str, Prediction] = {
        "classify": Classification((Score("Bag", 0.75), Score("Coat", 0.25))),
        "detect": Detections((Detection("Bag", 0.75, BOX), Detection("Coat", 0.25, BOX))),
        "segment": Segmentation(
            Runs.of(np.zeros((2, 2), np.uint8)),
            (Segment("Bag", 0.75, BOX, 0.5), Segment("Coat", 0.25, BOX, 0.5)),
        ),
        "embed": Embedding(np.array([0.6, 0.8], np.float32)),
    }
    for task, prediction in predictions.items():
        for number in (1, 2):  # the second is a candidate
            version = add_version(engine, task, number, task=task)
            predict(engine, image_id, version.id, prediction)
    edges = (1.0, 2.0, 3.0, 4.0)
    expected = {
        "product_tags": ("A", product_id, image_id, "Bag", 0.75, "classify", 1, "model", None, None),
        "product_detections": ("A", product_id, image_id, 0, "Bag", 0.75, *edges, "detect", 1),
        "product_segments": (
            "A",
            product_id,
            image_id,
            "Bag",
            0.75,
            0.5,
            *edges,
            "masks/m@1/x.png",
            "segment",
            1,
        ),
        "product_embeddings": ("A", product_id, image_id, "[0.6,0.8]", 2, "embed", 1),
    }
    assert {view: rows(engine, f"SELECT * FROM {view}") for view in expected} == {
        view: [row] for view, row in expected.items()
    }
    execute(engine, "UPDATE model_versions SET state = 'retired'")
    assert all(rows(engine, f"SELECT * FROM {view}") == [] for view in (*expected, "serving_versions"))


def test_two_versions_of_a_name_cannot_serve_at_once(engine: sa.Engine) -> None:
    add_version(engine, version=1)
    add_version(engine, version=2)
    with pytest.raises(sa.exc.IntegrityError):
        execute(engine, "UPDATE model_versions SET state = 'serving'")


def test_a_jobs_progress_goes_from_adding_to_running_to_finished(engine: sa.Engine) -> None:
    images, version = add_images(engine, 6), add_version(engine).id
    job = plan(engine, images, version)
    ledger, token = make_ledger(engine), uuid4()

    def counts(job_id: int) -> dict[str, Any]:
        with engine.connect() as connection:
            (found,) = jobs.progress(connection, job_id=job_id)
        wanted = ("state", "items", "pending", "leased", "retry", "done", "quarantined", "cancelled")
        return {name: getattr(found, name) for name in wanted if getattr(found, name)}

    assert counts(job) == {"state": "adding", "items": 6, "pending": 6}
    other = plan(
        engine, images, version
    )  # the same manifest again: whoever added before is not adding any more
    assert counts(job) == {"state": "running", "items": 6, "pending": 6}
    with engine.begin() as connection:
        jobs.close(connection, job, {"rows": 6})
        jobs.close(connection, other, {})
    assert counts(job) == {"state": "running", "items": 6, "pending": 6}
    assert counts(other) == {"state": "finished"}
    ledger.claim(images[:4], token)
    key = ItemKey(images[1], version)
    late = Retry(ItemKey(images[2], version), "busy", "Later.", timedelta(days=1))
    ledger.settle(token, [stored(images[0], version), Quarantined(key, "corrupt", "Bad."), late])
    execute(engine, "UPDATE work_items SET state = 'cancelled' WHERE image_id = :image", image=images[5])
    by_state = {"pending": 1, "leased": 1, "retry": 1, "done": 1, "quarantined": 1, "cancelled": 1}
    assert counts(job) == {"state": "running", "items": 6, **by_state}
    execute(
        engine,
        "UPDATE work_items SET state = 'done', lease_token = NULL, lease_expires_at = NULL "
        "WHERE state IN ('leased', 'pending')",
    )
    assert counts(job) == {
        "state": "running",
        "items": 6,
        "retry": 1,
        "done": 3,
        "quarantined": 1,
        "cancelled": 1,
    }
    execute(engine, "UPDATE work_items SET state = 'done' WHERE state = 'retry'")
    assert counts(job) == {"state": "finished", "items": 6, "done": 4, "quarantined": 1, "cancelled": 1}


def test_a_job_that_ended_with_an_error_has_failed_once_nothing_of_it_is_open(engine: sa.Engine) -> None:
    job = plan(engine, add_images(engine, 1), add_version(engine).id)
    with engine.begin() as connection:
        jobs.close(connection, job, {"error": "the manifest is gone"})
    states = rows(engine, "SELECT state, error FROM job_progress")
    execute(engine, "UPDATE work_items SET state = 'done'")
    states += rows(engine, "SELECT state, error FROM job_progress")
    assert states == [("running", "the manifest is gone"), ("failed", "the manifest is gone")]


def test_progress_lists_the_newest_jobs_and_refuses_an_unknown_one(engine: sa.Engine) -> None:
    made = [plan(engine, [], 0) for _ in range(3)]
    with engine.connect() as connection:
        assert [found.job_id for found in jobs.progress(connection, limit=2)] == made[:0:-1]
        with pytest.raises(UnknownJob, match="there is no job 99"):
            jobs.progress(connection, job_id=99)


def test_the_rate_is_from_the_first_item_to_the_last_and_gives_the_time_left(engine: sa.Engine) -> None:
    images, version = add_images(engine, 6), add_version(engine).id
    job = plan(engine, images, version)
    execute(engine, "UPDATE work_items SET state = 'cancelled' WHERE image_id = :image", image=images[5])

    def estimate() -> tuple[float | None, float | None]:
        with engine.connect() as connection:
            (found,) = jobs.progress(connection, job_id=job)
        return found.items_per_second, found.seconds_left

    def finish(image_id: int, state: str, second: int) -> None:
        execute(
            engine,
            """
            UPDATE work_items SET state = :state, finished_at = '2026-01-01'::timestamptz + :n * interval '1 second'
            WHERE image_id = :image
            """,
            state=state,
            n=second,
            image=image_id,
        )

    assert estimate() == (None, None)
    for n, image_id in enumerate(images[:3]):
        finish(image_id, "done", 2 * n)
    assert estimate() == (None, None)  # a few seconds tell little
    finish(images[3], "done", 6)
    rate, left = estimate()
    assert rate == pytest.approx(4 / 6)
    assert left == pytest.approx(1.5)
    execute(engine, "UPDATE work_items SET state = 'done' WHERE state = 'pending'")
    assert estimate()[1] == 0.0


def test_failures_of_a_photo_stand_in_one_row_for_all_models_that_failed_alike(engine: sa.Engine) -> None:
    (image_id, lone, gone), versions = (
        add_images(engine, 3),
        [add_version(engine, n).id for n in ("b", "a", "c")],
    )
    add_product(engine, "A", [image_id])
    add_product(engine, "B", [lone])
    job = plan(engine, [image_id, lone, gone], *versions)
    ledger, token = make_ledger(engine, max_attempts=1), uuid4()
    ledger.claim([image_id], token)
    keys = [ItemKey(image_id, version) for version in versions]
    ledger.settle(token, [Quarantined(key, "truncated", "Ends too early.") for key in keys[:2]])
    ledger.settle(token, [Quarantined(keys[2], "inference_failed", "No.")])
    ledger.claim([lone, gone], uuid4())  # no product shows the latter
    expire_leases(engine)
    ledger.sweep()
    columns = "stage, job_id, sku, image_id, source, line, code, reason, attempts, models"
    query = f"SELECT {columns} FROM failures ORDER BY image_id, code"
    lost = "The worker died or fell silent while it held this photo (attempt 1)."
    assert rows(engine, query) == [
        ("process", job, "A", image_id, "A-0.jpg", None, "inference_failed", "No.", 1, ["c@1"]),
        ("process", job, "A", image_id, "A-0.jpg", None, "truncated", "Ends too early.", 1, ["a@1", "b@1"]),
        ("process", job, "B", lone, "B-0.jpg", None, "worker_lost", lost, 1, ["a@1", "b@1", "c@1"]),
    ]


def test_failures_hold_the_rows_an_ingest_refused_and_can_be_asked_for_by_job(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        first, second = (jobs.create(connection, "ingest", "products.csv") for _ in range(2))
        errors = [
            RowError(2, "A", "a.jpg", "missing_file", "a.jpg is not there"),
            RowError(9, None, None, "x", "X."),
        ]
        acceptance.record_errors(connection, first, "/shop/products.csv", errors)
        acceptance.record_errors(connection, second, "/shop/products.csv", errors[:1])
    with engine.connect() as connection:
        found = jobs.failures(connection, first, 10)
        assert {(f.stage, f.sku, f.source, f.line, f.code, f.reason) for f in found} == {
            ("ingest", "A", "a.jpg", 2, "missing_file", "a.jpg is not there"),
            ("ingest", None, None, 9, "x", "X."),
        }
        assert len(jobs.failures(connection, None, 10)) == 3
        assert len(jobs.failures(connection, None, 2)) == 2


def test_a_job_over_photos_that_are_there_plans_those_that_lack_the_model(engine: sa.Engine) -> None:
    images, version = add_images(engine, 6), add_version(engine).id
    add_product(engine, "A", images[:4])
    add_product(engine, "B", images[4:])
    replaced = add_images(engine, 1)
    plan(engine, images[:1], version)
    with engine.begin() as connection:
        assert stale.plan(connection, version, "product-type@1", ["A"], 2)[1] == 2
        assert stale.plan(connection, version, "product-type@1", ["A"], None)[1] == 1
        assert stale.plan(connection, version, "product-type@1", ["none"], None)[1] == 0
        job, added = stale.plan(connection, version, "product-type@1", [], None)
        assert added == 2  # not the photo that no product shows
        (found,) = jobs.progress(connection, job_id=job)
    assert (found.kind, found.subject, found.state, found.items) == (
        "process",
        "product-type@1",
        "running",
        2,
    )
    assert not rows(engine, "SELECT FROM work_items WHERE image_id = :image", image=replaced[0])


def test_quarantined_work_is_tried_again_by_job_and_by_code(engine: sa.Engine) -> None:
    images, version = add_images(engine, 3), add_version(engine).id
    add_product(engine, "A", images)
    job = plan(engine, images, version)
    for image, code in zip(images, ("corrupt", "worker_lost", "worker_lost"), strict=True):
        execute(
            engine,
            "UPDATE work_items SET state = 'quarantined', attempts = 4, error_code = :code, error_reason = 'x', "
            "finished_at = now() WHERE image_id = :image",
            code=code,
            image=image,
        )
    with engine.begin() as connection:
        assert jobs.retry(connection, job_id=job + 1, code=None) == 0
        assert jobs.retry(connection, job_id=job, code="worker_lost") == 2
    found = rows(engine, "SELECT state, attempts, error_code FROM work_items ORDER BY image_id")
    assert found == [("quarantined", 4, "corrupt"), ("pending", 0, None), ("pending", 0, None)]
