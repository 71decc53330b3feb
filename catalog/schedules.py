"""What is due at certain times, each time once, whoever hears of it and how often: the row is there before the work."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from catalog import jobs
from catalog.jobs import JobKind

MOST_ATTEMPTS = 10


@dataclass(frozen=True, slots=True)
class Run:
    """The newest time of a schedule that somebody began, and what came of it; `error` where it failed."""

    schedule: str
    scheduled_for: datetime
    job_id: int
    closed_at: datetime | None
    error: str | None


def newest(connection: sa.Connection) -> dict[str, Run]:
    """By schedule, those that ran at all."""
    return {row.schedule: Run(**row._mapping) for row in connection.execute(_NEWEST)}


def note(
    connection: sa.Connection, schedule: str, kind: JobKind, scheduled_for: datetime, subject: str
) -> None:
    """Remember that this time is due, as an open job, unless it is known already. Nothing is begun by that."""
    key = {"schedule": schedule, "scheduled_for": scheduled_for}
    if connection.execute(_NOTE, key).rowcount:
        job_id = jobs.create(connection, kind, subject)
        connection.execute(_NAME_JOB, {**key, "job_id": job_id})


def begin(connection: sa.Connection, schedule: str, scheduled_for: datetime) -> int | None:
    """The job of a time that was noted, to be done now; None where it is over, or was given up.

    It may have been begun by a process that died: call this under a lock that no living process would let you have.
    """
    key = {"schedule": schedule, "scheduled_for": scheduled_for}
    row = connection.execute(_OPEN_RUN, key).one_or_none()
    if row is None:
        return None
    if row.attempts < MOST_ATTEMPTS:
        connection.execute(_COUNT, {**key, "by": 1})
        return int(row.job_id)
    jobs.close(
        connection,
        row.job_id,
        {"error": f"it was begun {row.attempts} times and never ended; see the log of the workers"},
    )
    return None


def give_back(connection: sa.Connection, schedule: str, scheduled_for: datetime) -> None:
    """It was begun, and was stopped for nobody's fault: that counts for nothing."""
    connection.execute(_COUNT, {"schedule": schedule, "scheduled_for": scheduled_for, "by": -1})


def left_behind(connection: sa.Connection, schedule: str) -> list[datetime]:
    """Times whose job is still open."""
    return list(connection.scalars(_OPEN, {"schedule": schedule}))


_NOTE = sa.text(
    """
    INSERT INTO scheduled_runs (schedule, scheduled_for, attempts) VALUES (:schedule, :scheduled_for, 0)
    ON CONFLICT DO NOTHING
    """
)

_NAME_JOB = sa.text(
    "UPDATE scheduled_runs SET job_id = :job_id WHERE schedule = :schedule AND scheduled_for = :scheduled_for"
)

_COUNT = sa.text(
    """
    UPDATE scheduled_runs SET attempts = attempts + :by
    WHERE schedule = :schedule AND scheduled_for = :scheduled_for
    """
)

_OPEN_RUN = sa.text(
    """
    SELECT r.job_id, r.attempts FROM scheduled_runs r JOIN jobs j ON j.id = r.job_id
    WHERE r.schedule = :schedule AND r.scheduled_for = :scheduled_for AND j.closed_at IS NULL FOR UPDATE OF r
    """
)

_NEWEST = sa.text(
    """
    SELECT DISTINCT ON (r.schedule) r.schedule, r.scheduled_for, r.job_id, j.closed_at, j.summary->>'error' AS error
    FROM scheduled_runs r JOIN jobs j ON j.id = r.job_id ORDER BY r.schedule, r.scheduled_for DESC
    """
)

_OPEN = sa.text(
    """
    SELECT r.scheduled_for FROM scheduled_runs r JOIN jobs j ON j.id = r.job_id
    WHERE r.schedule = :schedule AND j.closed_at IS NULL ORDER BY r.scheduled_for
    """
)
