"""A catalog filled with a shop made by chance: products, photos, tags, embeddings with their index, interactions."""

from __future__ import annotations

import csv
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import sqlalchemy as sa

from benchmarks.rows import Row
from benchmarks.tastes import WIDTH, Ints, Shop
from catalog import interactions
from catalog.copying import copy
from catalog.recommend import Refreshed, refresh
from catalog.tables import EmbeddingRow
from catalog.tables.shoppers import KINDS
from tests.catalog.shop import add_version

LOADED = 5_000  # of the acts come from a file


def fill(engine: sa.Engine, shop: Shop, known: Ints) -> Iterator[Row]:
    """Put all products and the `known` acts, by their index, into a catalog; rows about how long its parts took."""
    version = add_version(engine, "vectors", task="embed").id
    tags = add_version(engine, "product-type").id
    with engine.begin() as connection:
        connection.execute(sa.text("SET LOCAL session_replication_role = replica"))  # right by construction
        given = {"categories": shop.category.tolist(), "styles": shop.style.tolist(), "tags": tags}
        for statement in (_PRODUCTS, _PHOTOS, _PRODUCT_IMAGES, _TAGS):
            connection.execute(sa.text(statement), given)
        _copy_embeddings(connection, shop, version)
        for start in range(0, len(known) - LOADED, 100_000):
            connection.execute(sa.text(_ACTS), _acts(shop, known[:-LOADED][start : start + 100_000]))
    yield _load(engine, shop, known[-LOADED:])
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("SET maintenance_work_mem = '512MB'"))
        built = _seconds(lambda: connection.execute(sa.text(_INDEX.format(version=version, width=WIDTH))))
        connection.execute(sa.text("VACUUM ANALYZE"))
    yield Row("index over embeddings", built, "s", None, False, f"HNSW, {len(shop.category):,} of {WIDTH}")
    started = time.perf_counter()
    done = cast(Refreshed, refresh(engine))
    took = time.perf_counter() - started
    yield Row("refresh", took, "s", 60, False, f"{len(known):,} acts, {done.pairs:,} pairs kept")


def sku(product: int) -> str:
    return f"SKU-{product + 1:07}"


def _load(engine: sa.Engine, shop: Shop, acts: Ints) -> Row:
    """The last acts, as `tagmill shoppers load` takes them."""
    now = datetime.now(UTC)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "acts.csv"
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("shopper", "sku", "kind", "happened_at"))
            for act in acts.tolist():
                at = now - timedelta(days=float(shop.day[act]))
                row = (f"s{shop.shopper[act]}", sku(int(shop.product[act])), KINDS[shop.kind[act]])
                writer.writerow((*row, at.isoformat()))
        took = _seconds(lambda: interactions.load(engine, path, lambda error: print(error)))
    return Row("loading", len(acts) / took, "acts/s", None, True, f"{len(acts):,} rows of CSV")


def _copy_embeddings(connection: sa.Connection, shop: Shop, version: int) -> None:
    table = cast(sa.Table, EmbeddingRow.__table__)
    for start in range(0, len(shop.embedding), 10_000):
        rows = [
            {"image_id": start + place, "model_version_id": version, "embedding": vector}
            for place, vector in enumerate(shop.embedding[start : start + 10_000], start=1)
        ]
        copy(connection, table, rows)


def _acts(shop: Shop, acts: Ints) -> dict[str, object]:
    return {
        "shoppers": shop.shopper[acts].tolist(),
        "products": shop.product[acts].tolist(),
        "kinds": [KINDS[kind] for kind in shop.kind[acts]],
        "days": shop.day[acts].tolist(),
    }


def _seconds(act: Callable[[], object]) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


_PRODUCTS = """
    INSERT INTO products (sku, title, category)
    SELECT 'SKU-' || lpad(n::text, 7, '0'), 'Product ' || n, 'Category ' || category
    FROM unnest(CAST(:categories AS bigint[])) WITH ORDINALITY AS made (category, n)
"""
_PHOTOS = """
    INSERT INTO images (sha256, object_key, format, bytes, width, height)
    SELECT encode(sha256(id::text::bytea), 'hex'), 'images/' || id || '.jpg', 'JPEG', 60000, 1200, 1200
    FROM products ORDER BY id
"""
_PRODUCT_IMAGES = "INSERT INTO product_images SELECT id, id, 0, id || '.jpg' FROM products"
_TAGS = """
    INSERT INTO classifications
    SELECT made.n, :tags, tag.label, tag.rank, 0.9
    FROM unnest(CAST(:categories AS bigint[]), CAST(:styles AS bigint[])) WITH ORDINALITY AS made (category, style, n)
    CROSS JOIN LATERAL (VALUES ('Category ' || category, 1), ('Style ' || style, 2)) AS tag (label, rank)
"""
_ACTS = """
    INSERT INTO interactions (shopper, happened_at, product_id, kind)
    SELECT 's' || shopper, now() - day * interval '1 day', product + 1, kind
    FROM unnest(CAST(:shoppers AS bigint[]), CAST(:products AS bigint[]), CAST(:kinds AS text[]),
                CAST(:days AS float8[])) AS act (shopper, product, kind, day)
    ON CONFLICT DO NOTHING
"""
_INDEX = """
    CREATE INDEX benchmark_vectors ON embeddings
    USING hnsw ((embedding::halfvec({width})) halfvec_cosine_ops) WHERE model_version_id = {version}
"""
