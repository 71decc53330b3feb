"""How far the demo's photos are in the ledger, and how fast they went, from the ledger's own time stamps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

OPEN = ("pending", "leased", "retry")
WAITING = ("pending", "retry")


@dataclass(frozen=True, slots=True)
class Throughput:
    """One job's run over the demo's photos, all models of it.

    `photos_per_second` counts the photos stored after the first transaction, over the time from that to the last:
    a worker's start is not in it. `ingest_seconds` is what the job's ingest took, None if it was interrupted;
    `seconds_in_all` runs from the start of the ingest to the last result.
    """

    job_id: int
    photos: int
    models: int
    ingest_seconds: float | None
    started_at: datetime
    first_finished_at: datetime
    last_finished_at: datetime
    photos_after_first: int

    @property
    def seconds(self) -> float:
        return (self.last_finished_at - self.first_finished_at).total_seconds()

    @property
    def photos_per_second(self) -> float | None:
        return self.photos_after_first / self.seconds if self.seconds > 0 else None

    @property
    def seconds_in_all(self) -> float:
        return (self.last_finished_at - self.started_at).total_seconds()


def image_ids(connection: sa.Connection, hashes: Sequence[str]) -> list[int]:
    """The catalog's ids of the photos with these SHA-256."""
    query = sa.text("SELECT id FROM images WHERE sha256 = ANY(CAST(:hashes AS text[])) ORDER BY id")
    return list(connection.scalars(query, {"hashes": list(hashes)}))


def states(connection: sa.Connection, images: Sequence[int], versions: Sequence[int]) -> Counter[str]:
    """Work items of these photos and model versions by state; those that were never planned are `missing`."""
    query = sa.text(
        """
        SELECT state, count(*) AS items FROM work_items
        WHERE image_id = ANY(CAST(:images AS bigint[])) AND model_version_id = ANY(CAST(:versions AS bigint[]))
        GROUP BY state
        """
    )
    rows = connection.execute(query, {"images": list(images), "versions": list(versions)})
    found = Counter({row.state: row.items for row in rows})
    if missing := len(images) * len(versions) - found.total():
        found["missing"] = missing
    return found


def throughput(
    connection: sa.Connection, images: Sequence[int], versions: Sequence[int]
) -> Throughput | None:
    """The job that did most of these photos with all `versions`; None where nothing was done."""
    parameters = {"images": list(images), "versions": list(versions), "models": len(versions)}
    row = connection.execute(_THROUGHPUT, parameters).first()
    return Throughput(**row._mapping, models=len(versions)) if row else None


_THROUGHPUT = sa.text(
    """
    WITH photos AS (
        SELECT job_id, image_id, max(finished_at) AS finished_at FROM work_items
        WHERE state = 'done' AND image_id = ANY(CAST(:images AS bigint[]))
          AND model_version_id = ANY(CAST(:versions AS bigint[]))
        GROUP BY job_id, image_id HAVING count(*) = :models
    ), firsts AS (
        SELECT job_id, min(finished_at) AS first FROM photos GROUP BY job_id
    )
    SELECT job_id, count(*) AS photos, CAST(j.summary->>'seconds' AS float) AS ingest_seconds,
           j.created_at AS started_at, min(p.finished_at) AS first_finished_at,
           max(p.finished_at) AS last_finished_at, count(*) FILTER (WHERE p.finished_at > f.first) AS photos_after_first
    FROM photos p JOIN firsts f USING (job_id) JOIN jobs j ON j.id = p.job_id
    GROUP BY job_id, j.id ORDER BY photos DESC, job_id DESC LIMIT 1
    """
)
