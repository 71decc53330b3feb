"""What a model is least sure of, among the products that nobody has labelled."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from catalog.tables import EmbeddingRow

ROUND = 500


@dataclass(frozen=True, slots=True)
class Torn:
    """A photo, the model's best label for it, and the second best, if there is one. Scores are 0 to 1."""

    image_id: int
    object_key: str
    sku: str
    label: str
    score: float
    other: str | None
    other_score: float


def torn(connection: sa.Connection, model_id: int, embedder_id: int, most: int) -> list[Torn]:
    """The `most` photos whose two best scores lie closest: one a product, each with a vector of the embedder.

    Products with any word of a person are left out. Postgres sorts, so memory here goes by `most` alone.
    """
    parameters = {"model_id": model_id, "embedder_id": embedder_id, "most": most}
    return [Torn(*row) for row in connection.execute(_TORN, parameters)]


def vectors(
    connection: sa.Connection, embedder_id: int, image_ids: Sequence[int]
) -> Iterator[tuple[int, Any]]:
    """Image id and stored vector, float32 (width,), of each photo, in no order; read a few hundred at a time."""
    for start in range(0, len(image_ids), ROUND):
        query = sa.select(EmbeddingRow.image_id, EmbeddingRow.embedding).where(
            EmbeddingRow.model_version_id == embedder_id,
            EmbeddingRow.image_id.in_(image_ids[start : start + ROUND]),
        )
        yield from ((image_id, vector) for image_id, vector in connection.execute(query))


_TORN = sa.text(
    """
    WITH answered AS (
        SELECT one.image_id, one.label, one.score, two.label AS other, coalesce(two.score, 0) AS other_score
        FROM classifications one
        LEFT JOIN classifications two
            ON two.image_id = one.image_id AND two.model_version_id = one.model_version_id AND two.rank = 2
        WHERE one.model_version_id = :model_id AND one.rank = 1),
    of_products AS (
        SELECT DISTINCT ON (p.id) p.sku, a.*
        FROM answered a
        JOIN embeddings e ON e.image_id = a.image_id AND e.model_version_id = :embedder_id
        JOIN product_images pi ON pi.image_id = a.image_id
        JOIN products p ON p.id = pi.product_id
        WHERE NOT EXISTS (SELECT FROM overrides o WHERE o.product_id = p.id)
        ORDER BY p.id, a.score - a.other_score, a.image_id),
    of_photos AS (
        SELECT DISTINCT ON (image_id) * FROM of_products ORDER BY image_id, sku COLLATE "C")
    SELECT f.image_id, i.object_key, f.sku, f.label, f.score, f.other, f.other_score
    FROM of_photos f JOIN images i ON i.id = f.image_id
    ORDER BY f.score - f.other_score, f.image_id LIMIT :most
    """
)
