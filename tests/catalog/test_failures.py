"""Failures by cause: each photo once, narrowed by job, code, model and product."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from catalog import acceptance, failures, jobs
from catalog.errors import BadFilter
from catalog.failures import Selection
from catalog.manifests import RowError
from tests.catalog.shop import add_images, add_product, add_version, execute, plan


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
    assert cut.manifests == ()
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
