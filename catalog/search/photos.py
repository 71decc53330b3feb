"""Which embedder's vectors photos are compared by."""

from __future__ import annotations

import numpy as np
import sqlalchemy as sa

from catalog.errors import UnknownModel
from catalog.search.meaning import Vector


def embedder(connection: sa.Connection) -> int:
    """The version that serves and that new photos get; of several models, the first registered. Raises UnknownModel."""
    found = connection.scalar(_EMBEDDER)
    if found is None:
        raise UnknownModel("no embedder serves; add one with `tagmill models add`, or run `tagmill up`")
    return int(found)


def of_product(connection: sa.Connection, product_id: int) -> tuple[int, Vector] | None:
    """A version that serves, and its vector of the product's first photo that it has seen."""
    row = connection.execute(_OF_PRODUCT, {"product_id": product_id}).first()
    if row is None:
        return None
    return row.model_version_id, np.array(row.embedding.strip("[]").split(","), np.float32)


_EMBEDDER = sa.text(
    """
    SELECT id FROM model_versions WHERE state = 'serving' AND task = 'embed' ORDER BY on_ingest DESC, name LIMIT 1
    """
)

_OF_PRODUCT = sa.text(
    """
    SELECT e.model_version_id, e.embedding::text AS embedding FROM product_images pi
    JOIN embeddings e ON e.image_id = pi.image_id
    JOIN model_versions m ON m.id = e.model_version_id AND m.state = 'serving'
    WHERE pi.product_id = :product_id ORDER BY m.on_ingest DESC, m.name, pi.position, pi.image_id LIMIT 1
    """
)
