"""Colours that words name, and photos have."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa


def named(connection: sa.Connection, words: Sequence[str]) -> tuple[str, ...]:
    """Those of `words` that are the colour of any photo."""
    return tuple(connection.scalars(_NAMED, {"words": list(words)}))


def of_products(
    connection: sa.Connection, product_ids: Sequence[int], colours: Sequence[str]
) -> list[tuple[int, str]]:
    """(product, colour) of those whose photos have one of `colours`."""
    if not colours:
        return []
    rows = connection.execute(_OF_PRODUCTS, {"ids": list(product_ids), "colours": list(colours)})
    return [(row.product_id, row.colour) for row in rows]


# One look into the index for each word. Asked for `f.colour = word`, the planner expects a row soon, and reads all
# photos for a word that is no colour.
_NAMED = sa.text(
    """
    SELECT DISTINCT word FROM unnest(CAST(:words AS text[])) word
    WHERE word = (SELECT f.colour FROM photo_facts f WHERE f.colour >= word ORDER BY f.colour LIMIT 1)
    """
)

_OF_PRODUCTS = sa.text(
    """
    SELECT DISTINCT pi.product_id, f.colour FROM product_images pi
    JOIN photo_facts f ON f.image_id = pi.image_id AND f.colour = ANY(CAST(:colours AS text[]))
    JOIN serving_versions m ON m.id = f.model_version_id
    WHERE pi.product_id = ANY(CAST(:ids AS bigint[]))
    """
)
