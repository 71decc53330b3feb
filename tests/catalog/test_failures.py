"""Failures by cause: each photo once, narrowed by job, code, model and product."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from catalog import acceptance, failures, jobs, schedules
from catalog.errors import BadFilter, UnknownCode
from catalog.failures import Selection
from catalog.manifests import RowError
from tests.catalog.shop import add_images, add_product, add_version, execute, plan, rows


@pytest.fixture
def shop(engine: sa.Engine) -> dict[str, Any]:
    """Three photos of which two failed, one of them for two versions in two jobs; and a refused row."""
    images = add_images(engine, 3)
    add_product(engine, "SHIRT", images[:1])
    add_product(engine, "BOOT", images[1:])
    execute(engine, "UPDATE products SET category = 'Shoes' WHERE sku = 'BOOT'")
    old, new = (add_version(engine, version=number) for number in (1, 2))
    jobs = [plan(engine, images, old.id), plan(engine, images, new.id)]
    give_up(engine, images[0], "truncated", "the JPEG ends too early")
    give_up(engine, images[1], "worker_lost", "The worker died", old.id)
    refused = RowError(7, "BOOT", "boot.jpg", "missing_file", "boot.jpg is not there")
    with engine.begin() as connection:
        acceptance.record_errors(connection, jobs[0], "products.csv", [refused])
    return {"images": images, "old": old, "new": new, "jobs": jobs}


def give_up(engine: sa.Engine, image_id: int, code: str, reason: str, version_id: int | None = None) -> None:
    execute(
        engine,
        "UPDATE work_items SET state = 'quarantined', error_code = :code, error_reason = :reason, attempts = 2, "
        "finished_at = now() WHERE image_id = :image AND :version IN (0, model_version_id)",
        image=image_id,
        code=code,
        reason=reason,
        version=version_id or 0,
    )


def counts(engine: sa.Engine, selection: Selection) -> dict[str, int]:
    with engine.connect() as connection:
        return {group.code: group.failures for group in failures.grouped(connection, selection)}


def test_a_photo_counts_once_for_all_its_versions_and_jobs(engine: sa.Engine, shop: dict[str, Any]) -> None:
    with engine.connect() as connection:
        groups = {group.code: group for group in failures.grouped(connection, Selection())}
    assert set(groups) == {"truncated", "worker_lost", "missing_file"}
    cut = groups["truncated"]
    assert (cut.failures, cut.stages, cut.models) == (1, ("process",), ("product-type@1", "product-type@2"))
    assert cut.reason == "the JPEG ends too early"
    assert cut.manifests == ("products.csv",)
    refused = groups["missing_file"]
    assert (refused.stages, refused.models, refused.manifests) == (("ingest",), (), ("products.csv",))


def test_a_photo_of_many_products_counts_once(engine: sa.Engine) -> None:
    (image,) = add_images(engine, 1)
    for sku in ("SHIRT", "BOOT", "SOCK"):
        add_product(engine, sku, [image])
    plan(engine, [image], add_version(engine).id)
    give_up(engine, image, "truncated", "the JPEG ends too early")
    assert counts(engine, Selection()) == {"truncated": 1}
    with engine.connect() as connection:
        (photo,) = failures.newest(connection, Selection(), 9)["truncated"]
    assert (photo.sku, photo.source) == ("BOOT", "BOOT-0.jpg")


def test_rows_of_two_manifests_that_were_refused_alike_are_two_failures(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        for manifest in ("spring.csv", "summer.csv"):
            job = jobs.create(connection, "ingest", manifest)
            nameless = RowError(2, None, None, "missing_sku", "the row has no sku")
            acceptance.record_errors(connection, job, manifest, [nameless])
        (group,) = failures.grouped(connection, Selection())
    assert (group.failures, group.manifests) == (2, ("spring.csv", "summer.csv"))


def test_narrowed(engine: sa.Engine, shop: dict[str, Any]) -> None:
    assert counts(engine, Selection(job_id=shop["jobs"][1])) == {"truncated": 1}
    assert counts(engine, Selection(code="worker_lost")) == {"worker_lost": 1}
    assert counts(engine, Selection(model="product-type@2")) == {"truncated": 1}
    assert counts(engine, Selection(where=("category=Shoes",))) == {"worker_lost": 1, "missing_file": 1}
    assert counts(engine, Selection(code="unknown")) == {}
    with pytest.raises(BadFilter):
        counts(engine, Selection(where=("category",)))


def test_the_newest_of_each_code(engine: sa.Engine, shop: dict[str, Any]) -> None:
    give_up(engine, shop["images"][2], "truncated", "cut as well")
    with engine.connect() as connection:
        found = failures.newest(connection, Selection(), 1)
    assert {code: len(photos) for code, photos in found.items()} == {
        "truncated": 1,
        "worker_lost": 1,
        "missing_file": 1,
    }
    (cut,) = found["truncated"]
    assert (cut.sku, cut.reason, cut.attempts, cut.object_key) == ("BOOT", "cut as well", 2, "images/3")
    (refused,) = found["missing_file"]
    assert (refused.sku, refused.line, refused.object_key, refused.source) == ("BOOT", 7, None, "boot.jpg")


def check(engine: sa.Engine, code: str) -> None:
    with engine.connect() as connection:
        failures.check_code(connection, code)


def test_a_code_that_nobody_knows_is_refused_with_those_that_there_are(
    engine: sa.Engine, shop: dict[str, Any]
) -> None:
    give_up(engine, shop["images"][2], "of_another_release", "x")
    for known in ("truncated", "missing_file", "of_another_release", "out_of_memory"):
        check(engine, known)
    for code in ("trunkated", "", "\0", "\ud800", "%_'\"\\;", "x" * 10_000):
        with pytest.raises(UnknownCode) as refused:
            check(engine, code)
        said = str(refused.value)
        assert said.endswith("there are missing_file, of_another_release, truncated, worker_lost")
        assert said.isprintable()
        assert len(said) < 300


def test_where_nothing_failed_no_code_is_named(engine: sa.Engine) -> None:
    with pytest.raises(UnknownCode, match="'trunkated': nothing failed"):
        check(engine, "trunkated")


# --- of jobs


def ended(engine: sa.Engine, subject: str, held: str | None = None, **summary: object) -> int:
    """An export that is over."""
    with engine.begin() as connection:
        job = jobs.create(connection, "export", subject)
        jobs.close(connection, job, summary)
    execute(engine, "UPDATE jobs SET held = :held WHERE id = :id", held=held, id=job)
    return job


def failed(engine: sa.Engine) -> list[int]:
    return [job for (job,) in rows(engine, "SELECT job_id FROM failures ORDER BY 1")]


def test_a_failed_export_counts_until_the_same_ends_well(engine: sa.Engine) -> None:
    first, other = ended(engine, "tags to a", error="full"), ended(engine, "tags to b", error="full")
    ended(engine, "tags to a", interrupted=True)
    ended(engine, "tags to a", held="cancelled")
    with engine.begin() as connection:
        running = jobs.create(connection, "export", "tags to a")
    again = ended(engine, "tags to a", error="full still")
    assert failed(engine) == [first, other, again]
    with engine.begin() as connection:
        jobs.close(connection, running, {"rows": 3})
    assert failed(engine) == [other, again]  # which came after the one that ended well
    ended(engine, "tags to a", rows=3)
    assert failed(engine) == [other]
    ended(engine, "tags to a", error="full once more")
    assert len(failed(engine)) == 2


def test_a_failed_night_counts_until_its_schedule_ends_well(engine: sa.Engine) -> None:
    at = datetime(2026, 11, 22, 3, tzinfo=UTC)

    def night(day: int, schedule: str, subject: str, **summary: object) -> int:
        due = at + timedelta(days=day)
        with engine.begin() as connection:
            schedules.note(connection, schedule, "process", due, "due")
            job = schedules.begin(connection, schedule, due) or 0
            jobs.close(connection, job, summary, subject=subject)
        return job

    first = night(1, "reprocess", "a@1", error="no room")
    with engine.begin() as connection:
        by_hand = jobs.create(connection, "process", "a@1")
        jobs.close(connection, by_hand, {})
    night(2, "reprocess", "a@1", skipped="its time window was over")
    night(3, "another", "a@1", items=1)
    assert failed(engine) == [first]
    night(4, "reprocess", "a@2", items=1)
    assert failed(engine) == []
