"""What goes on just now, read in time that depends on what is open, and not on how much was ever done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from catalog.jobs import Progress, progress
from catalog.ledger import Lane
from catalog.ledger_sql import ANY_OPEN, OLDEST

BUCKET_SECONDS = 10
BUCKETS = 60
"""Ten minutes of throughput."""


@dataclass(frozen=True, slots=True)
class Lease:
    """What one worker process holds; `expires_in` is in seconds, below 0 where it has run out."""

    photos: int
    job_ids: tuple[int, ...]
    expires_in: float


@dataclass(frozen=True, slots=True)
class FailedCode:
    """How often photos or rows failed alike; `job_id` is the newest job in which they did."""

    code: str
    failures: int
    job_id: int


def throughput(connection: sa.Connection) -> list[int]:
    """Photos of the chunks that ended in each ten seconds of the last ten minutes, the newest last."""
    found = {row.ago: row.photos for row in connection.execute(_THROUGHPUT, {"seconds": BUCKET_SECONDS})}
    return [found.get(ago, 0) for ago in reversed(range(BUCKETS))]


def per_second(photos: Sequence[int], seconds: int) -> float:
    """The rate of the last `seconds`, from what `throughput` gave."""
    buckets = max(1, seconds // BUCKET_SECONDS)
    return sum(photos[-buckets:]) / (buckets * BUCKET_SECONDS)


def leases(connection: sa.Connection) -> list[Lease]:
    """One a process that has photos in hand, the one that is silent longest first."""
    return [
        Lease(row.photos, tuple(row.job_ids), row.expires_in) for row in connection.execute(_LEASES).all()
    ]


def oldest_due(connection: sa.Connection) -> dict[Lane, float]:
    """By lane, for how many seconds the photo that waits longest has been due; absent where none is."""
    return {row.lane: float(row.seconds) for row in connection.execute(OLDEST)}


def open_jobs(connection: sa.Connection, limit: int) -> tuple[list[Progress], int]:
    """(the oldest so many jobs that are not over, how many there are): items of the others are not counted."""
    ids = list(connection.scalars(ANY_OPEN))
    return [found for job_id in ids[:limit] for found in progress(connection, job_id=job_id)], len(ids)


def failed_lately(connection: sa.Connection) -> list[FailedCode]:
    """What failed in the last day, the commonest first."""
    return [FailedCode(*row) for row in connection.execute(FAILED_LATELY)]


def serving(connection: sa.Connection) -> list[str]:
    """The model versions that serve, as `name@version`."""
    return list(connection.scalars(_SERVING))


_THROUGHPUT = sa.text(
    f"""
    SELECT greatest(0, floor(extract(epoch FROM now() - finished_at) / :seconds))::int AS ago,
           sum(photos)::int AS photos
    FROM chunk_runs WHERE finished_at > now() - {BUCKETS} * :seconds * interval '1 second' GROUP BY 1
    """
)

_LEASES = sa.text(
    """
    SELECT count(DISTINCT image_id)::int AS photos, array_agg(DISTINCT job_id ORDER BY job_id) AS job_ids,
           extract(epoch FROM min(lease_expires_at) - now())::float8 AS expires_in
    FROM work_items WHERE state = 'leased' GROUP BY lease_token ORDER BY expires_in
    """
)

FAILED_LATELY = sa.text(
    """
    SELECT code, sum(failures)::int AS failures, max(job_id) AS job_id FROM (
        SELECT error_code AS code, count(*) AS failures, max(job_id) AS job_id FROM work_items
        WHERE state = 'quarantined' AND finished_at > now() - interval '1 day' GROUP BY 1
        UNION ALL
        SELECT code, count(*), max(job_id) FROM ingest_errors
        WHERE created_at > now() - interval '1 day' GROUP BY 1
    ) failed GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 20
    """
)

_SERVING = sa.text("SELECT name || '@' || version FROM serving_versions ORDER BY name")
