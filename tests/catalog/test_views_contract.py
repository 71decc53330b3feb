"""The promise of docs/sql.md: no column changes, a statement sees one state, and what is not obvious has a comment."""

from __future__ import annotations

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa

from catalog import promotion
from catalog.readers import VIEWS
from tests.catalog.shop import add_images, add_product, add_version, make_ledger, plan, rows, stored

PHOTOS = 200
TAGS = "SELECT array_agg(DISTINCT model_version), count(*) FROM product_tags"
COLUMNS = """
    SELECT table_name, ordinal_position, column_name, data_type FROM information_schema.columns
    WHERE table_name = ANY(:views) ORDER BY 1, 2
"""
COMMENTS = """
    SELECT DISTINCT a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    WHERE c.relname = ANY(:views) AND col_description(c.oid, a.attnum) IS NULL
"""
OBVIOUS = {
    *(
        "sku",
        "product_id",
        "image_id",
        "label",
        "score",
        "model",
        "model_version",
        "name",
        "version",
        "job_id",
    ),
    *("title", "description", "brand", "category", "price", "currency", "created_at", "author", "sha256"),
    *("pending", "leased", "retry", "done", "cancelled", "first_finished_at", "attempts", "failed_at"),
}


@pytest.fixture
def two(engine: sa.Engine) -> sa.Engine:
    """A catalog that two versions of a classifier have seen; the first serves."""
    first, second = (add_version(engine, "product-type", number) for number in (1, 2))
    images, ledger, token = add_images(engine, PHOTOS), make_ledger(engine, chunk_size=1024), uuid4()
    add_product(engine, "A", images)
    plan(engine, images, first.id, second.id)
    ledger.claim(images, token)
    assert ledger.settle(token, [stored(i, version.id) for i in images for version in (first, second)]) == 0
    return engine


def promote(engine: sa.Engine, number: int) -> None:
    with engine.begin() as connection:
        promotion.promote(connection, f"product-type@{number}", anyway=True)


def test_a_promotion_changes_no_column(two: sa.Engine) -> None:
    before = rows(two, COLUMNS, views=list(VIEWS))
    promote(two, 2)
    assert len(before) > 80
    assert rows(two, COLUMNS, views=list(VIEWS)) == before


def test_a_statement_beside_promotions_sees_one_version_wholly(two: sa.Engine) -> None:
    seen: list[tuple[Any, ...]] = []
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            seen.extend(rows(two, TAGS))

    with ThreadPoolExecutor(1) as reader:
        looking = reader.submit(look)
        for turn in itertools.count():
            promote(two, 2 - turn % 2)
            if looking.done() or (len(seen) >= 100 and len(versions_of(seen)) >= 2):
                break
        over.set()
        looking.result()
    assert versions_of(seen) == {(1,), (2,)}
    assert {count for _, count in seen} == {PHOTOS}


def versions_of(seen: list[tuple[Any, ...]]) -> set[tuple[int, ...]]:
    return {tuple(found) for found, _ in list(seen)}


def test_a_transaction_of_repeatable_read_keeps_the_version_it_saw_first(two: sa.Engine) -> None:
    with two.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        first = connection.execute(sa.text(TAGS)).one()
        promote(two, 2)
        assert connection.execute(sa.text(TAGS)).one() == first == ([1], PHOTOS)
        connection.rollback()
        assert connection.execute(sa.text(TAGS)).one() == ([2], PHOTOS)


def test_columns_that_are_not_obvious_have_a_comment(engine: sa.Engine) -> None:
    assert {name for (name,) in rows(engine, COMMENTS, views=list(VIEWS))} <= OBVIOUS
