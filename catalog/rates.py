"""How long photos take, as measured: a row a chunk, from which forecasts are made."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import sqlalchemy as sa

from catalog.tables import ChunkRun

KEPT_DAYS = 8
ENOUGH = 200  # the newest chunks that a rate is taken from


@dataclass(frozen=True, slots=True)
class Rate:
    """Seconds of one process a photo while so many work `at_once`, from `photos` that were measured.

    Processes of one machine share its memory and caches, so a photo takes the longer, the more of them are at work.
    """

    seconds: float
    photos: int
    at_once: int


def record(connection: sa.Connection, photos: int, seconds: float, version_ids: Collection[int]) -> None:
    """One process ran `photos` through these versions; rows that are old are dropped along with it."""
    row = {"photos": photos, "seconds": seconds, "version_ids": sorted(version_ids)}
    connection.execute(sa.insert(ChunkRun).values(row))
    connection.execute(_PRUNE, {"days": KEPT_DAYS})


def measured(connection: sa.Connection, version_ids: Collection[int], at_once: int) -> Rate | None:
    """The rate of just these versions together, by those of their newest chunks that had the most nearly `at_once`
    processes at work; None where they never ran."""
    parameters = {"version_ids": sorted(version_ids), "enough": ENOUGH}
    return _nearest(connection.execute(_MEASURED, parameters).all(), at_once)


def of_all(connection: sa.Connection, at_once: int) -> Rate | None:
    """The same of the newest chunks, whatever they were of."""
    return _nearest(connection.execute(_OF_ALL, {"enough": ENOUGH}).all(), at_once)


def _nearest(chunks: Sequence[sa.Row[Any]], at_once: int) -> Rate | None:
    if not chunks:
        return None
    nearest = min({chunk.at_once for chunk in chunks}, key=lambda n: (abs(n - at_once), -n))
    like = [chunk for chunk in chunks if chunk.at_once == nearest]
    photos = sum(chunk.photos for chunk in like)
    return Rate(sum(chunk.seconds for chunk in like) / photos, photos, nearest)


def processes(connection: sa.Connection) -> int:
    """How many processes worked at once in the last quarter of an hour, at most; restarts count once."""
    rows = connection.execute(_LATELY).all()
    changes = sorted([(row.began, 1) for row in rows] + [(row.finished_at, -1) for row in rows])
    return max(accumulate(change for _, change in changes), default=0)


# How many processes were at work on average while a chunk was: no chunk is thought to last a quarter of an hour.
_NEWEST = """
    WITH newest AS (
        SELECT photos, seconds::float8, finished_at - seconds * interval '1 second' AS began, finished_at
        FROM chunk_runs WHERE photos > 0 AND seconds > 0 {narrowed} ORDER BY finished_at DESC LIMIT :enough
    )
    SELECT n.photos, n.seconds, greatest(1, round(shared.seconds / n.seconds))::int AS at_once
    FROM newest n CROSS JOIN LATERAL (
        SELECT sum(extract(epoch FROM least(n.finished_at, o.finished_at)
                   - greatest(n.began, o.finished_at - o.seconds * interval '1 second')))::float8 AS seconds
        FROM chunk_runs o
        WHERE o.finished_at > n.began AND o.finished_at < n.finished_at + interval '15 minutes'
          AND o.finished_at - o.seconds * interval '1 second' < n.finished_at
    ) shared
"""
_MEASURED = sa.text(_NEWEST.format(narrowed="AND version_ids = CAST(:version_ids AS bigint[])"))
_OF_ALL = sa.text(_NEWEST.format(narrowed=""))

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
