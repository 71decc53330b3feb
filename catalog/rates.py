"""How long photos take, as measured: a row a chunk, from which forecasts are made."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from itertools import accumulate

import sqlalchemy as sa

from catalog.tables import ChunkRun

KEPT_DAYS = 8
ENOUGH = 200  # the newest chunks that a rate is taken from


@dataclass(frozen=True, slots=True)
class Rate:
    """Seconds of one process a photo, from `photos` that were measured."""

    seconds: float
    photos: int


def record(connection: sa.Connection, photos: int, seconds: float, version_ids: Collection[int]) -> None:
    """One process ran `photos` through these versions; rows that are old are dropped along with it."""
    row = {"photos": photos, "seconds": seconds, "version_ids": sorted(version_ids)}
    connection.execute(sa.insert(ChunkRun).values(row))
    connection.execute(_PRUNE, {"days": KEPT_DAYS})


def measured(connection: sa.Connection, version_ids: Collection[int]) -> Rate | None:
    """The rate of just these versions together, by their newest chunks; None where they never ran."""
    row = connection.execute(_MEASURED, {"version_ids": sorted(version_ids), "enough": ENOUGH}).one()
    return Rate(row.seconds / row.photos, row.photos) if row.photos else None


def of_all(connection: sa.Connection) -> Rate | None:
    """The rate of the newest chunks, whatever they were of."""
    row = connection.execute(_OF_ALL, {"enough": ENOUGH}).one()
    return Rate(row.seconds / row.photos, row.photos) if row.photos else None


def processes(connection: sa.Connection) -> int:
    """How many processes worked at once in the last quarter of an hour, at most; restarts count once."""
    rows = connection.execute(_LATELY).all()
    changes = sorted([(row.began, 1) for row in rows] + [(row.finished_at, -1) for row in rows])
    return max(accumulate(change for _, change in changes), default=0)


_SUMS = "SELECT coalesce(sum(seconds), 0)::float8 AS seconds, coalesce(sum(photos), 0)::int AS photos"

_MEASURED = sa.text(
    f"""
    {_SUMS} FROM (
        SELECT seconds, photos FROM chunk_runs
        WHERE version_ids = CAST(:version_ids AS bigint[]) AND photos > 0
        ORDER BY finished_at DESC LIMIT :enough
    ) newest
    """
)

_OF_ALL = sa.text(
    f"{_SUMS} FROM (SELECT seconds, photos FROM chunk_runs ORDER BY finished_at DESC LIMIT :enough) newest"
)

_LATELY = sa.text(
    """
    SELECT finished_at - seconds * interval '1 second' AS began, finished_at FROM chunk_runs
    WHERE finished_at > now() - interval '15 minutes' ORDER BY finished_at DESC LIMIT 2000
    """
)

# A few at a time, so that no chunk waits for a month of them.
_PRUNE = sa.text(
    """
    DELETE FROM chunk_runs WHERE id IN (
        SELECT id FROM chunk_runs WHERE finished_at < now() - :days * interval '1 day'
        ORDER BY finished_at LIMIT 10 FOR UPDATE SKIP LOCKED
    )
    """
)
