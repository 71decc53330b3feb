"""Mismatches between feed and photos that a person lets stand, until either says something else."""

from __future__ import annotations

import sqlalchemy as sa

from catalog.review.names import check_author
from catalog.skus import product_ids


def dismiss(connection: sa.Connection, sku: str, author: str, *, model: str | None = None) -> int:
    """Let the product's mismatches stand, or that with `model` alone; returns how many there were.

    Raises UnknownSku, BadDecision.
    """
    parameters = {"author": check_author(author), "model": model, **_product(connection, sku)}
    return len(connection.execute(_DISMISS, parameters).all())


def _product(connection: sa.Connection, sku: str) -> dict[str, int]:
    return {"product_id": product_ids(connection, [sku])[sku]}


_DISMISS = sa.text(
    """
    INSERT INTO dismissed_mismatches (product_id, model_name, feed, photo, author)
    SELECT product_id, model, feed, photo, :author FROM product_mismatches
    WHERE product_id = :product_id AND (CAST(:model AS text) IS NULL OR model = :model)
    ON CONFLICT (product_id, model_name)
        DO UPDATE SET feed = excluded.feed, photo = excluded.photo, author = excluded.author, created_at = now()
    RETURNING model_name
    """
)
