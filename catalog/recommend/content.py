"""Products that look like what a shopper likes, by the embeddings of their photos and by their tags."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from math import sqrt

import sqlalchemy as sa

from catalog.recommend.history import Interest, Seed

NEAREST, MOST = 50, 1000
"""Photos next to each interest, beside those of its own products, which lie nearest; at most what an index gives."""
SHARING = 50
"""Products that are told of one photo: thousands may show one that says that there is none yet."""


def alike(connection: sa.Connection, interests: Sequence[Interest], known: Sequence[int]) -> list[list[int]]:
    """For each interest, products whose photos lie next to it, the nearest first; without those that are `known`. Each
    product counts for the interest that it is nearest to.

    A product is the mean of its photos' embeddings, an interest the weighted mean of its products. Photos are found by
    the index over the embedder's half-precision vectors, where there is one.
    """
    seeds = [(number, seed) for number, one in enumerate(interests) for seed in one.seeds]
    products = [seed.product_id for _, seed in seeds]
    told = {"products": products, "numbers": [number for number, _ in seeds]}
    embedder = connection.execute(_EMBEDDER, told).one_or_none()
    if embedder is None:
        return [[] for _ in interests]
    rows = connection.execute(
        _query(int(embedder.id), int(embedder.width), int(embedder.nearest)),
        {**told, "weights": [seed.weight for _, seed in seeds], "known": list(known)},
    ).all()
    return [[row.product_id for row in rows if row.number == number] for number in range(len(interests))]


def _query(version_id: int, width: int, nearest: int) -> sa.TextClause:
    return sa.text(_ALIKE.format(version_id=version_id, width=width, nearest=nearest, sharing=SHARING))


def tagged(connection: sa.Connection, seeds: Sequence[Seed], candidates: Sequence[int]) -> list[int]:
    """Those of `candidates` that share tags with the shopper's products, the most alike first; else in their order."""
    weights = {seed.product_id: seed.weight for seed in seeds}
    labels = _labels(connection, {*weights, *candidates})
    liked: defaultdict[str, float] = defaultdict(float)
    for product_id, weight in weights.items():
        for label in labels.get(product_id, ()):
            liked[label] += weight
    scores = {
        product_id: sum(liked.get(label, 0.0) for label in labels[product_id]) / sqrt(len(labels[product_id]))
        for product_id in candidates
        if product_id in labels
    }
    return sorted((one for one, score in scores.items() if score), key=lambda one: -scores[one])


def _labels(connection: sa.Connection, product_ids: Iterable[int]) -> dict[int, list[str]]:
    rows = connection.execute(_TAGS, {"products": list(product_ids)})
    return {row.product_id: row.labels for row in rows}


# The index answers with as many as it keeps in view: there must be `nearest`.
_EMBEDDER = sa.text(
    f"""
    WITH seen AS (
        SELECT least({NEAREST} + coalesce(max(photos), 0), {MOST}) AS nearest FROM (
            SELECT count(*) AS photos
            FROM unnest(CAST(:products AS bigint[]), CAST(:numbers AS integer[])) AS seed (product_id, number)
            JOIN product_images pi ON pi.product_id = seed.product_id GROUP BY seed.number
        ) own
    )
    SELECT m.id, vector_dims(e.embedding) AS width, seen.nearest, set_config('hnsw.ef_search', seen.nearest::text, true)
    FROM seen CROSS JOIN product_images pi JOIN embeddings e ON e.image_id = pi.image_id
    JOIN serving_versions m ON m.id = e.model_version_id AND m.task = 'embed'
    WHERE pi.product_id = ANY(CAST(:products AS bigint[])) ORDER BY m.id LIMIT 1
    """
)

# The version and the width stand in it as numbers: an index over an expression is found by nothing less.
_ALIKE = """
    WITH interest AS MATERIALIZED (
        SELECT seed.number, l2_normalize(sum(
                   photo.mean * array_fill(seed.weight::real, ARRAY[{width}])::vector))::halfvec({width}) AS centre
        FROM unnest(CAST(:products AS bigint[]), CAST(:numbers AS integer[]), CAST(:weights AS float8[]))
             AS seed (product_id, number, weight)
        CROSS JOIN LATERAL (
            SELECT l2_normalize(avg(e.embedding)) AS mean FROM product_images pi
            JOIN embeddings e ON e.image_id = pi.image_id AND e.model_version_id = {version_id}
            WHERE pi.product_id = seed.product_id
        ) photo
        WHERE photo.mean IS NOT NULL GROUP BY seed.number
    ),
    found AS (
        SELECT DISTINCT ON (pi.product_id) i.number, pi.product_id, near.distance
        FROM interest i CROSS JOIN LATERAL (
            SELECT e.image_id, e.embedding::halfvec({width}) <=> i.centre AS distance FROM embeddings e
            WHERE e.model_version_id = {version_id}
            ORDER BY e.embedding::halfvec({width}) <=> i.centre LIMIT {nearest}
        ) near
        CROSS JOIN LATERAL (
            SELECT shown.product_id FROM product_images shown
            WHERE shown.image_id = near.image_id AND shown.product_id <> ALL(CAST(:known AS bigint[]))
            ORDER BY shown.product_id LIMIT {sharing}
        ) pi
        WHERE near.distance < 1 ORDER BY pi.product_id, near.distance, i.number
    )
    SELECT number, product_id FROM found ORDER BY distance, product_id
"""

_TAGS = sa.text(
    """
    SELECT product_id, array_agg(DISTINCT label) AS labels FROM product_tags
    WHERE product_id = ANY(CAST(:products AS bigint[])) GROUP BY product_id
    """
)
