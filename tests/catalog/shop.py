"""A small catalog to test with: photos, model versions and work, written as plain rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from catalog import jobs, versions
from catalog.ledger import Ledger
from catalog.outcomes import ItemKey, Stored
from catalog.versions import Version
from models.predictions import Classification, Score

LEASE = timedelta(seconds=30)
SHIRT = Classification((Score("Shirt", 0.75), Score("Coat", 0.25)))


def add_images(engine: sa.Engine, count: int) -> list[int]:
    """`count` photos that are there by name only; their ids."""
    query = sa.text(
        """
        INSERT INTO images (sha256, object_key, format, bytes, width, height)
        SELECT encode(sha256(gen_random_uuid()::text::bytea), 'hex'), 'images/' || n, 'JPEG', 9, 40, 30
        FROM generate_series(1, :count) n RETURNING id
        """
    )
    with engine.begin() as connection:
        return sorted(connection.scalars(query, {"count": count}))


def add_product(engine: sa.Engine, sku: str, image_ids: Sequence[int] = ()) -> int:
    """A product with these photos; its id."""
    with engine.begin() as connection:
        product_id: int = connection.execute(
            sa.text("INSERT INTO products (sku) VALUES (:sku) RETURNING id"), {"sku": sku}
        ).scalar_one()
        connection.execute(
            sa.text(
                """
                INSERT INTO product_images (product_id, image_id, position, source)
                SELECT :product, image, n - 1, :sku || '-' || n - 1 || '.jpg'
                FROM unnest(CAST(:images AS bigint[])) WITH ORDINALITY i (image, n)
                """
            ),
            {"product": product_id, "sku": sku, "images": list(image_ids)},
        )
    return product_id


def spec(name: str = "product-type", version: int = 1, **changes: Any) -> dict[str, Any]:
    """What `models.spec.ModelSpec` is as a dict, as far as the registry reads it."""
    return {
        "name": name,
        "version": version,
        "task": "classify",
        "labels": ["Shirt", "Coat"],
        "sha256": "0" * 64,
        "metrics": {"accuracy": 0.9},
        "on_ingest": True,
        **changes,
    }


def add_version(engine: sa.Engine, name: str = "product-type", version: int = 1, **changes: Any) -> Version:
    """A registered model version: the first of its name serves."""
    with engine.begin() as connection:
        return versions.register(connection, spec(name, version, **changes))


def plan(engine: sa.Engine, image_ids: Sequence[int], *version_ids: int) -> int:
    """A job that owes these photos to these model versions; its id."""
    with engine.begin() as connection:
        job_id = jobs.create(connection, "ingest", "products.csv")
        Ledger.plan(connection, job_id, image_ids, version_ids)
    return job_id


def make_ledger(
    engine: sa.Engine, *, lease: timedelta = LEASE, max_attempts: int = 4, chunk_size: int = 128
) -> Ledger:
    return Ledger(engine, lease=lease, max_attempts=max_attempts, chunk_size=chunk_size)


def expire_leases(engine: sa.Engine) -> None:
    """As if all holders had been silent for longer than their lease."""
    execute(
        engine, "UPDATE work_items SET lease_expires_at = now() - interval '1 second' WHERE state = 'leased'"
    )


def stored(image_id: int, version_id: int) -> Stored:
    return Stored(ItemKey(image_id, version_id), SHIRT)


def execute(engine: sa.Engine, statement: str, **parameters: Any) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text(statement), parameters)


def rows(engine: sa.Engine, query: str, **parameters: Any) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(sa.text(query), parameters)]


def states(engine: sa.Engine) -> Counter[str]:
    """Work items by state."""
    return Counter(state for (state,) in rows(engine, "SELECT state FROM work_items"))
