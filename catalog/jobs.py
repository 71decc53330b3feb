"""Jobs: a piece of work someone asked for, and how far it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from catalog.errors import UnknownJob
from catalog.tables import Job

JobKind = Literal["ingest", "process", "retrain"]


@dataclass(frozen=True, slots=True)
class Progress:
    """A row of the view `job_progress`: work items by state."""

    job_id: int
    kind: JobKind
    subject: str
    created_at: datetime
    state: Literal["adding", "running", "finished"]
    items: int
    pending: int
    leased: int
    retry: int
    done: int
    quarantined: int
    cancelled: int
    first_finished_at: datetime | None
    last_finished_at: datetime | None

    @property
    def closed(self) -> int:
        """Items that are over, one way or the other."""
        return self.done + self.quarantined + self.cancelled

    @property
    def items_per_second(self) -> float | None:
        """From the first item that was finished to the last; None while that span is under a second."""
        if not self.first_finished_at or not self.last_finished_at:
            return None
        seconds = (self.last_finished_at - self.first_finished_at).total_seconds()
        return self.closed / seconds if seconds >= 1 else None

    @property
    def seconds_left(self) -> float | None:
        """An estimate at the rate so far; 0 when finished, None where there is no rate yet."""
        open_items = self.items - self.closed
        if not open_items:
            return 0.0
        return open_items / self.items_per_second if self.items_per_second else None


@dataclass(frozen=True, slots=True)
class Failure:
    """A row of the view `failures`."""

    stage: str
    job_id: int
    sku: str | None
    source: str | None
    line: int | None
    code: str
    reason: str


def create(connection: sa.Connection, kind: JobKind, subject: str) -> int:
    """Open a job; work may be added until `close`. An ingest of the same manifest that was killed is closed."""
    if kind == "ingest":
        killed = sa.update(Job).where(Job.kind == kind, Job.subject == subject, Job.closed_at.is_(None))
        connection.execute(killed.values(closed_at=sa.func.now(), summary={"interrupted": True}))
    return connection.execute(
        sa.insert(Job).values(kind=kind, subject=subject).returning(Job.id)
    ).scalar_one()


def close(
    connection: sa.Connection, job_id: int, summary: dict[str, Any], *, subject: str | None = None
) -> None:
    """No more work will be added; keep the summary of what was, and another `subject` where that is known only now."""
    change: dict[str, Any] = {"summary": summary, "closed_at": sa.func.now()}
    if subject is not None:
        change["subject"] = subject
    connection.execute(sa.update(Job).where(Job.id == job_id).values(change))


def progress(connection: sa.Connection, *, job_id: int | None = None, limit: int = 10) -> list[Progress]:
    """The newest jobs, or the one asked for. Raises UnknownJob."""
    where = "WHERE job_id = :job_id" if job_id is not None else ""
    query = sa.text(f"SELECT * FROM job_progress {where} ORDER BY job_id DESC LIMIT :limit")
    found = [
        Progress(**row._mapping) for row in connection.execute(query, {"job_id": job_id, "limit": limit})
    ]
    if job_id is not None and not found:
        raise UnknownJob(f"there is no job {job_id}")
    return found


def failures(connection: sa.Connection, job_id: int | None, limit: int) -> list[Failure]:
    """The newest failures, of one job or of all."""
    query = sa.text(
        """
        SELECT stage, job_id, sku, source, line, code, reason FROM failures
        WHERE CAST(:job_id AS bigint) IS NULL OR job_id = :job_id ORDER BY failed_at DESC LIMIT :limit
        """
    )
    rows = connection.execute(query, {"job_id": job_id, "limit": limit})
    return [Failure(**row._mapping) for row in rows]


def retry(connection: sa.Connection, *, job_id: int | None, code: str | None) -> int:
    """Let quarantined items be tried anew, of one job and one failure code or of all; returns how many."""
    return connection.execute(_RETRY, {"job_id": job_id, "code": code}).rowcount


_RETRY = sa.text(
    """
    UPDATE work_items
    SET state = 'pending', attempts = 0, losses = 0, deferrals = 0, next_attempt_at = now(), published_at = NULL,
        error_code = NULL, error_reason = NULL, finished_at = NULL
    WHERE state = 'quarantined'
      AND (CAST(:job_id AS bigint) IS NULL OR job_id = :job_id) AND (CAST(:code AS text) IS NULL OR error_code = :code)
    """
)


def plan_existing(
    connection: sa.Connection, version_id: int, subject: str, skus: Sequence[str], limit: int | None
) -> tuple[int, int]:
    """A job that runs one model version over photos that are there and lack it: (job id, new work items).

    `skus` narrows it to the photos of these products; `limit` to the first so many photos.
    """
    job_id = create(connection, "process", subject)
    parameters = {"job_id": job_id, "version_id": version_id, "skus": list(skus), "limit": limit}
    added = connection.execute(_PLAN_EXISTING, parameters).rowcount
    close(connection, job_id, {"photos": added})
    return job_id, added


_PLAN_EXISTING = sa.text(
    """
    INSERT INTO work_items (image_id, model_version_id, job_id)
    SELECT i.id, :version_id, :job_id FROM images i
    WHERE NOT EXISTS (SELECT FROM work_items w WHERE w.image_id = i.id AND w.model_version_id = :version_id)
      AND (cardinality(CAST(:skus AS text[])) = 0 OR EXISTS (
          SELECT FROM product_images pi JOIN products p ON p.id = pi.product_id
          WHERE pi.image_id = i.id AND p.sku = ANY(CAST(:skus AS text[]))))
    ORDER BY i.id LIMIT :limit
    ON CONFLICT DO NOTHING
    """
)
