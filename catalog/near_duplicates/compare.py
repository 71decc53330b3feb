"""New photos compared with all: by pieces of their perceptual hashes, then by hash and embedding as a whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa

from catalog import locks, versions
from catalog.errors import NothingToCompare
from catalog.near_duplicates.regroup import join
from catalog.tables.duplicates import BAND_BITS, BANDS, band
from catalog.versions import Version
from models.predictions import Task

BATCH = 500
RADIUS = 5
"""Most bits of 64 in which the hashes of a pair differ. Of 4 bands one then differs in one bit at most."""
LEAST, STEP = 0.86, 0.025
"""The cosine of a pair's embeddings is at least LEAST, and STEP more for each bit in which the hashes differ."""
CROWD = 1000
"""Photos that are looked at for one piece of a hash, the newest: so no crowd makes a run endless."""
KEPT = 20
"""Pairs that a new photo makes: the most alike, and the oldest, so that a crowd is still one group."""


@dataclass
class Found:
    """`photos` were compared, `pairs` are new, of `total` photos that were there to compare."""

    total: int = 0
    photos: int = 0
    pairs: int = 0


def find(engine: sa.Engine, *, on_progress: Callable[[Found], object] = lambda _: None) -> Found:
    """Compare every photo that has facts and an embedding and was not compared yet, a batch a transaction.

    Killed anywhere, the next run goes on. Pairs that are known keep what people said of them.
    Raises NothingToCompare where no model serves that gives the facts, or none that embeds.
    """
    with engine.connect() as connection:
        ids = {"facts": _serving(connection, "describe").id, "embedder": _serving(connection, "embed").id}
        found = Found(total=connection.scalar(_NEW_PHOTOS, {**ids, "after": 0}) or 0)
    after = 0
    on_progress(found)
    while True:
        with engine.begin() as connection:
            locks.hold_duplicates(connection)
            photos = connection.scalars(_TAKE, {**ids, "after": after, "limit": BATCH}).all()
            if not photos:
                return found
            pairs = connection.execute(_PAIRS, {**ids, **_RULE, "photos": photos}).all()
            join(connection, [(pair.image_id, pair.other_id) for pair in pairs])
        after = photos[-1]
        found.photos += len(photos)
        found.pairs += len(pairs)
        on_progress(found)


def _serving(connection: sa.Connection, task: Task) -> Version:
    for version in versions.every(connection):
        if version.task == task and version.state == "serving":
            return version
    raise NothingToCompare(
        f"no model serves that does {task}; see `tagmill models list`, then add or promote one"
    )


_RULE = {"radius": RADIUS, "least": LEAST, "step": STEP, "crowd": CROWD, "kept": KEPT}

# A photo without light and shade has the hash 0: it is like every other such photo, so it is not compared. `:after` is
# said of each table, else Postgres reads the indexes of two from their beginning for each batch.
_NEW = """
    FROM photo_facts f
    JOIN embeddings e ON e.image_id = f.image_id AND e.model_version_id = :embedder
    LEFT JOIN compared_photos c ON c.image_id = f.image_id AND c.model_version_id = f.model_version_id
        AND c.image_id > :after
    WHERE f.model_version_id = :facts AND f.perceptual_hash <> 0 AND c.image_id IS NULL
      AND f.image_id > :after AND e.image_id > :after
"""

_NEW_PHOTOS = sa.text(f"SELECT count(*) {_NEW}")

_TAKE = sa.text(
    f"""
    WITH fresh AS (
        SELECT f.image_id, f.model_version_id, f.perceptual_hash {_NEW}
        ORDER BY f.image_id LIMIT :limit
    ), taken AS (
        INSERT INTO compared_photos (image_id, model_version_id, perceptual_hash) SELECT * FROM fresh
        ON CONFLICT (image_id) DO UPDATE
        SET model_version_id = excluded.model_version_id, perceptual_hash = excluded.perceptual_hash
        RETURNING image_id
    )
    SELECT image_id FROM taken ORDER BY image_id
    """
)

# Pieces as they are and with each bit turned: photos that share one, the newest first, up to a crowd.
_NEAR_BY_BAND = " UNION ALL ".join(
    f"""
    SELECT f.image_id, near.image_id AS other_id, near.distance
    FROM fresh f CROSS JOIN turned t CROSS JOIN LATERAL (
        SELECT c.image_id, bit_count((c.perceptual_hash # f.perceptual_hash)::bit(64)) AS distance
        FROM compared_photos c WHERE {band(number).replace("perceptual_hash", "c.perceptual_hash")}
            = {band(number).replace("perceptual_hash", "f.perceptual_hash")} # t.bit
        ORDER BY c.image_id DESC LIMIT :crowd
    ) near WHERE near.distance <= :radius AND near.image_id <> f.image_id
    """
    for number in range(BANDS)
)

_PAIRS = sa.text(
    f"""
    WITH fresh AS MATERIALIZED (
        SELECT image_id, perceptual_hash FROM compared_photos WHERE image_id = ANY(CAST(:photos AS bigint[]))
    ), turned AS MATERIALIZED (
        SELECT CAST(0 AS bigint) AS bit
        UNION ALL SELECT CAST(1 AS bigint) << n FROM generate_series(0, {BAND_BITS - 1}) n
    ), near AS MATERIALIZED (
        SELECT image_id, other_id, min(distance) AS distance FROM ({_NEAR_BY_BAND}) hits GROUP BY 1, 2
    ), alike AS MATERIALIZED (
        SELECT n.*, 1 - (a.embedding <=> b.embedding) AS similarity FROM near n
        JOIN embeddings a ON a.image_id = n.image_id AND a.model_version_id = :embedder
        JOIN embeddings b ON b.image_id = n.other_id AND b.model_version_id = :embedder
    ), best AS (
        SELECT *, row_number() OVER (PARTITION BY image_id ORDER BY similarity DESC, distance, other_id) AS place,
               other_id = min(other_id) OVER (PARTITION BY image_id) AS oldest
        FROM alike WHERE similarity >= :least + :step * distance
    )
    INSERT INTO near_duplicates (image_id, other_id, group_id, distance, similarity)
    SELECT least(image_id, other_id), greatest(image_id, other_id), least(image_id, other_id), distance, similarity
    FROM best WHERE place <= :kept OR oldest
    ON CONFLICT (image_id, other_id) DO NOTHING RETURNING image_id, other_id
    """
)
