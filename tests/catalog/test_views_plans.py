"""Questions about one product, photo, label, brand, job or time go through indexes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from tests.catalog.shelf import BRAND, COMMON, RARE, fill

PHOTOS = 20_000
LARGE = {"products", "product_images", "images", "classifications", "detections", "segments", "work_items"}

QUESTIONS = {
    "product_tags WHERE sku = 'SKU-0000777'": {"uq_products_sku", "pk_product_images", "pk_classifications"},
    "product_tags WHERE image_id = 777": {"pk_classifications", "ix_product_images_image_id"},
    f"product_tags WHERE label = '{COMMON}' LIMIT 20": {"ix_classifications_label"},
    f"product_tags WHERE label = '{COMMON}' AND score > 0.95 LIMIT 20": {"ix_classifications_label"},
    f"product_tags WHERE label = '{COMMON}' AND score > 0.95 ORDER BY score DESC LIMIT 20": {
        "ix_classifications_label"
    },
    "product_tags WHERE sku = ANY(ARRAY(SELECT sku FROM product_details WHERE parent_sku = 'P-17'))": {
        "ix_products_parent_sku",
        "uq_products_sku",
        "pk_classifications",
    },
    f"product_tags WHERE label = '{RARE}'": {"ix_classifications_label", "ix_overrides_label"},
    f"product_tags WHERE brand = '{BRAND}' AND label = '{COMMON}'": {
        "ix_products_brand",
        "pk_classifications",
    },
    "product_detections WHERE sku = 'SKU-0000777'": {"uq_products_sku", "pk_detections"},
    "product_segments WHERE sku = 'SKU-0000777'": {"uq_products_sku", "pk_segments"},
    "product_embeddings WHERE sku = 'SKU-0000777'": {"uq_products_sku", "pk_embeddings"},
    "product_overrides WHERE sku = 'SKU-0000777'": {"uq_products_sku", "pk_overrides"},
    "product_results WHERE finished_at > now() - interval '1 minute'": {"ix_work_items_finished"},
    "job_progress WHERE job_id = 77": {"ix_work_items_job"},
    "failures WHERE job_id = 77": {"ix_work_items_job"},
}


@pytest.fixture(scope="module")
def shelf(server: sa.Engine) -> Iterator[sa.Engine]:
    """Twenty thousand products, with what was found in their photos; Postgres knows how many there are."""
    with server.connect() as connection:
        connection.execute(sa.text("CREATE DATABASE shelf TEMPLATE tagmill_template"))
    engine = sa.create_engine(server.url.set(database="shelf"))
    fill(engine, PHOTOS)
    yield engine
    engine.dispose()
    with server.connect() as connection:
        connection.execute(sa.text("DROP DATABASE shelf WITH (FORCE)"))


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from nodes(below)


@pytest.mark.parametrize("question", QUESTIONS)
def test_it_is_answered_through_indexes(shelf: sa.Engine, question: str) -> None:
    with shelf.connect() as connection:
        explained = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) SELECT * FROM {question}").scalar_one()
    found = list(nodes(explained[0]["Plan"]))
    assert QUESTIONS[question] <= {node.get("Index Name") for node in found}
    assert not LARGE & {node["Relation Name"] for node in found if node["Node Type"] == "Seq Scan"}
