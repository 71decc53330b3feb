"""Colours that words name, and photos have."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa


def of_products(
    connection: sa.Connection, product_ids: Sequence[int], colours: Sequence[str]
) -> list[tuple[int, str]]:
    """(product, colour) of those whose photos have one of `colours`."""
    if not colours or not product_ids:
        return []
    rows = connection.execute(_OF_PRODUCTS, {"ids": list(product_ids), "colours": list(colours)}).all()
    return [(row.product_id, row.colour) for row in rows]


# OFFSET keeps the planner from reading all photos of the colour.
_OF_PRODUCTS = sa.text(
    """
    SELECT DISTINCT pi.product_id, own.colour FROM product_images pi CROSS JOIN LATERAL (
        SELECT f.colour FROM photo_facts f
        WHERE f.image_id = pi.image_id AND f.model_version_id = ANY(ARRAY(SELECT id FROM serving_versions))
        OFFSET 0) own
    WHERE pi.product_id = ANY(CAST(:ids AS bigint[])) AND own.colour = ANY(CAST(:colours AS text[]))
    """
)
