"""The nearest of a vector: candidates by an index in half precision where there is one, then exact similarity.

Vectors are asked for as Postgres reads them, see `meaning.literal`.
"""

from __future__ import annotations

import sqlalchemy as sa

from catalog.search.chosen import Where
from catalog.search.cursor import Ranked
from catalog.search.statements import statement

PHOTOS, TEXTS = 120, 48
"""How many are looked for: five pages of 24 photos; texts are one order of several."""
MOST_IN_VIEW = 1000
"""The largest `hnsw.ef_search` there is."""
TEXTS_ALIKE = 0.35
"""Cosine below which a text has nothing to do with the words."""
TEXTS_ALIKE_ALONE = 0.42
"""The same where no text has any of the words."""


def nearest_texts(connection: sa.Connection, model: str, vector: str, where: Where) -> list[Ranked]:
    """Products whose texts are nearest, of `model`; best first."""
    found = _nearest(connection, _TEXTS, where, TEXTS, vector, {"model": model})
    return [one for one in found if one[1] >= TEXTS_ALIKE]


def nearest_photos(connection: sa.Connection, version_id: int, vector: str, where: Where) -> list[Ranked]:
    """Products whose photos are nearest, by the embedder `version_id`; best first, each once, by its nearest photo."""
    found: dict[int, float] = {}
    for product_id, score in _nearest(connection, _PHOTOS, where, PHOTOS, vector, {"version_id": version_id}):
        found.setdefault(product_id, score)
    return list(found.items())


def look_for(connection: sa.Connection, count: int) -> None:
    """Let the index find `count` vectors in the queries that follow, until the transaction ends or another says so.

    It keeps a third more in view (`ef_search`), as far as pgvector goes: that, and no less, found 98 of the 100 nearest
    in separate clusters.
    """
    connection.execute(_LOOK_FOR, {"ef": str(min(count + count // 3, MOST_IN_VIEW))})


def _nearest(
    connection: sa.Connection, query: str, where: Where, depth: int, vector: str, of: dict[str, object]
) -> list[Ranked]:
    parameters = {**where.parameters, **of, "vector": vector, "depth": depth}
    if where.ids is not None:
        return _run(connection, query, where, "+ 0", parameters)
    look_for(connection, depth)
    return _run(connection, query, where, "", parameters)


def _run(
    connection: sa.Connection, query: str, where: Where, exact: str, parameters: dict[str, object]
) -> list[Ranked]:
    width = str(parameters["vector"]).count(",") + 1
    joined = "" if where.any else "JOIN products p ON p.id = t.product_id"
    text = statement(query, joined=joined, where=where.sql, exact=exact, half=f"halfvec({width})")
    return [(row[0], float(row[1])) for row in connection.execute(text, parameters).all()]


_LOOK_FOR = sa.text(
    """
    SELECT set_config('hnsw.ef_search', :ef, true), set_config('hnsw.iterative_scan', 'relaxed_order', true)
    """
)

_TEXTS = """
    SELECT t.product_id, 1 - (t.embedding <=> CAST(:vector AS halfvec)) AS score
    FROM product_texts t {joined} WHERE t.model = :model AND {where}
    ORDER BY (CAST(t.embedding AS {half}) <=> CAST(:vector AS {half})) {exact} LIMIT :depth
"""

_PHOTOS = """
    SELECT near.product_id, 1 - (e.embedding <=> CAST(:vector AS vector)) AS score FROM (
        SELECT pi.product_id, e.image_id FROM embeddings e
        JOIN product_images pi ON pi.image_id = e.image_id JOIN products p ON p.id = pi.product_id
        WHERE e.model_version_id = CAST(:version_id AS bigint) AND {where}
        ORDER BY (CAST(e.embedding AS {half}) <=> CAST(:vector AS {half})) {exact} LIMIT :depth) near
    JOIN embeddings e ON e.image_id = near.image_id AND e.model_version_id = CAST(:version_id AS bigint)
    ORDER BY score DESC, near.product_id DESC
"""
