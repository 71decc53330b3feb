"""Products as hits: what a page shows of them, read by id."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from catalog.search.cursor import Ranked
from catalog.search.hits import Hit

Reasons = Mapping[int, tuple[str, ...]]
"""Sentences by product id."""


def hits(connection: sa.Connection, ranked: Sequence[Ranked], reasons: Reasons) -> tuple[Hit, ...]:
    """In the order of `ranked`. Products that are gone meanwhile are left out."""
    rows = connection.execute(_SHOWN, {"ids": [product_id for product_id, _ in ranked]})
    by_id = {row.product_id: row for row in rows}
    return tuple(
        Hit(**by_id[product_id]._asdict(), score=score, reasons=reasons.get(product_id, ()))
        for product_id, score in ranked
        if product_id in by_id
    )


_SHOWN = sa.text(
    """
    SELECT p.id AS product_id, p.sku, p.title, p.brand, p.category, trim_scale(p.price) AS price, p.currency,
           main.image_id, main.object_key
    FROM products p
    LEFT JOIN LATERAL (
        SELECT i.id AS image_id, i.object_key FROM product_images pi JOIN images i ON i.id = pi.image_id
        WHERE pi.product_id = p.id ORDER BY pi.position, pi.image_id LIMIT 1
    ) main ON true
    WHERE p.id = ANY(CAST(:ids AS bigint[]))
    """
)
