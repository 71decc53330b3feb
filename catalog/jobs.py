"""Jobs: a piece of work someone asked for, and how far it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from catalog import events, places
from catalog.errors import UnknownJob
from catalog.filters import Filter
from catalog.ledger import Lane
from catalog.tables import Job

JobKind = Literal["ingest", "process", "retrain", "collect", "statistics", "export"]
WITHOUT_ITEMS: frozenset[JobKind] = frozenset(("retrain", "collect", "statistics", "export"))
JobState = Literal["adding", "running", "paused", "cancelling", "cancelled", "failed", "finished"]
# Seconds without a finished item, where no worker holds any, and where one does: a large batch takes its time.
STALLED, SLOW = 60.0, 300.0
RATE_SECONDS = 5.0  # a shorter span holds a batch or two, and says little


@dataclass(frozen=True, slots=True)
class Bounds:
    """A job is paused at `pause_at`, and works off `pace` photos a second at most."""

    pause_at: datetime | None = None
    pace: float | None = None


UNBOUND = Bounds()


@dataclass(frozen=True, slots=True)
class Progress:
    """A row of the view `job_progress`: work items by state, and why the job itself failed."""

    job_id: int
    kind: JobKind
    subject: str
    created_at: datetime
    state: JobState
    items: int
    pending: int
    leased: int
    retry: int
    done: int
    quarantined: int
    cancelled: int
    first_finished_at: datetime | None
    last_finished_at: datetime | None
    lane: Lane
    error: str | None
    seen_at: datetime
    workers_busy: bool

    @property
    def closed(self) -> int:
        """Items that are over, one way or the other."""
        return self.done + self.quarantined + self.cancelled

    @property
    def looked_at(self) -> int:
        """Items that a model was run on, well or not; others that are over were given up."""
        return self.done + self.quarantined

    @property
    def items_per_second(self) -> float | None:
        """From the first item that was finished to the last; None while that span is under five seconds.

        What was cancelled was not worked on, and is not counted.
        """
        if not self.first_finished_at or not self.last_finished_at:
            return None
        seconds = (self.last_finished_at - self.first_finished_at).total_seconds()
        return self.looked_at / seconds if seconds >= RATE_SECONDS else None

    @property
    def seconds_left(self) -> float | None:
        """An estimate at the rate so far; 0 when finished, None where there is no rate yet."""
        if not self.open:
            return 0.0
        return self.open / self.items_per_second if self.items_per_second else None

    @property
    def open(self) -> int:
        """Items that are not over."""
        return self.items - self.closed

    @property
    def goes_on(self) -> bool:
        """Whether it will change without anybody doing anything about it."""
        return self.state in ("adding", "running", "cancelling")

    @property
    def warning(self) -> str:
        """What somebody should look at; empty where work goes on."""
        if self.kind in WITHOUT_ITEMS or self.state != "running":
            return ""
        silent = (self.seen_at - (self.last_finished_at or self.created_at)).total_seconds()
        # Behind others, or for its next try.
        waits = not self.leased and (self.workers_busy or not self.pending)
        if waits or silent < (SLOW if self.leased else STALLED):
            return ""
        why = (
            "workers hold photos and finish none: see their log"
            if self.leased
            else "no worker holds any of it: is one running (tagmill worker)?"
        )
        return f"nothing was finished for {silent / 60:.0f} min; {why}"


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


def create(
    connection: sa.Connection, kind: JobKind, subject: str, lane: Lane = "backlog", bounds: Bounds = UNBOUND
) -> int:
    """Open a job; work may be added until `close`. An ingest or export of the same that was killed is closed."""
    if kind in ("ingest", "export"):
        killed = sa.update(Job).where(Job.kind == kind, Job.subject == subject, Job.closed_at.is_(None))
        connection.execute(killed.values(closed_at=sa.func.now(), summary={"interrupted": True}))
    return connection.execute(
        sa.insert(Job)
        .values(kind=kind, subject=subject, lane=lane, pause_at=bounds.pause_at, pace=bounds.pace)
        .returning(Job.id)
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
    query = sa.text(
        f"""
        SELECT *, now() AS seen_at, EXISTS (SELECT FROM work_items WHERE state = 'leased') AS workers_busy
        FROM job_progress {where} ORDER BY job_id DESC LIMIT :limit
        """
    )
    found = [
        Progress(**row._mapping) for row in connection.execute(query, {"job_id": job_id, "limit": limit})
    ]
    if job_id is not None and not found:
        raise UnknownJob(f"there is no job {job_id}")
    return found


def failure_codes(connection: sa.Connection, job_id: int) -> dict[str, int]:
    """How many items and rows of its manifest failed in a job, or the job itself, by code, the commonest first."""
    query = sa.text(
        f"""
        SELECT code, count(*) AS failures FROM (
            SELECT error_code AS code FROM work_items w WHERE job_id = :job_id AND state = 'quarantined'
                AND {places.is_shown("w.image_id")}
            UNION ALL SELECT code FROM ingest_errors WHERE job_id = :job_id
            UNION ALL SELECT code FROM failures
            WHERE job_id = :job_id AND (stage NOT IN ('process', 'ingest') OR code = 'ingest_failed')
        ) failed GROUP BY 1 ORDER BY 2 DESC, 1
        """
    )
    return {row.code: row.failures for row in connection.execute(query, {"job_id": job_id})}


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


def retry(
    connection: sa.Connection,
    *,
    job_id: int | None = None,
    code: str | None = None,
    version_id: int | None = None,
    products: Filter | None = None,
) -> int:
    """Let quarantined items be tried anew, all or those that are narrowed to; returns how many.

    What belongs to a cancelled job stays.
    """
    meant, parameters = (products or Filter()).of_image("w.image_id")
    narrowed = {"job_id": job_id, "code": code, "version_id": version_id}
    found = connection.execute(sa.text(_RETRY.format(meant=meant)), {**parameters, **narrowed})
    reopened = {row.job_id: row.items for row in found}
    events.reopen_jobs(connection, reopened)
    return sum(reopened.values())


# Locked in the order in which an ingest plans; the job's key is shared, as `events.reopen_jobs` asks.
_RETRY = """
    WITH failed AS (
        SELECT w.ctid FROM work_items w JOIN jobs j ON j.id = w.job_id
        WHERE w.state = 'quarantined' AND j.held IS DISTINCT FROM 'cancelled'
          AND (CAST(:job_id AS bigint) IS NULL OR w.job_id = :job_id)
          AND (CAST(:code AS text) IS NULL OR w.error_code = :code)
          AND (CAST(:version_id AS bigint) IS NULL OR w.model_version_id = :version_id)
          AND {meant}
        ORDER BY w.image_id, w.model_version_id FOR UPDATE OF w FOR KEY SHARE OF j
    ), reopened AS (
        UPDATE work_items
        SET state = 'pending', attempts = 0, losses = 0, deferrals = 0, next_attempt_at = now(), published_at = NULL,
            error_code = NULL, error_reason = NULL, finished_at = NULL
        WHERE ctid = ANY(ARRAY(SELECT ctid FROM failed)) AND state = 'quarantined' RETURNING job_id
    )
    SELECT job_id, count(*) AS items FROM reopened GROUP BY job_id
"""
