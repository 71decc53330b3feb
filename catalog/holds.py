"""Jobs on hold: paused, resumed, cancelled, each only where it fits the state the job is in."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from catalog.errors import JobCancelled, JobInOtherState, UnknownJob
from catalog.jobs import Bounds, JobState
from catalog.tables import Job

Action = Literal["pause", "resume", "cancel"]

# What each action needs the job to be, and what it is held as from then on.
ACTIONS: dict[Action, tuple[set[JobState], str | None]] = {
    "pause": ({"adding", "running"}, "paused"),
    "resume": ({"paused"}, None),
    "cancel": ({"adding", "running", "paused"}, "cancelled"),
}


def act(connection: sa.Connection, job_id: int, action: Action) -> None:
    """Pause, resume or cancel a job, in the same time however many items it has.

    Workers end the batch in hand and begin nothing more; of a cancelled job the rest is given up by `Ledger.cancel`.
    Raises UnknownJob, JobInOtherState.
    """
    row = _look(connection, job_id)
    if row.kind == "retrain":
        raise JobInOtherState(f"job {job_id} is a training; stop its trainer instead (docs/labels.md)")
    if row.kind in ("collect", "statistics") or (row.kind == "export" and action != "cancel"):
        raise JobInOtherState(f"job {job_id} is of kind {row.kind}: there is nothing to {action} in it")
    state = _state(row)
    allowed, held = ACTIONS[action]
    was_paused = action == "resume" and row.held == "paused"  # and its last photos were done meanwhile
    if state not in allowed and not was_paused:
        raise JobInOtherState(f"job {job_id} is {state}: {_INSTEAD[state].format(job=job_id)}")
    _hold(connection, job_id, held, pause_at=None)  # a person's word ends its time window


def bound(connection: sa.Connection, job_id: int, bounds: Bounds) -> bool:
    """Set the bounds of a job, unless a person has paused or cancelled it; returns whether they are set."""
    free = sa.update(Job).where(Job.id == job_id, Job.held.is_(None))
    return bool(connection.execute(free.values(pause_at=bounds.pause_at, pace=bounds.pace)).rowcount)


def reopen_windows(connection: sa.Connection, pause_at: datetime) -> list[int]:
    """Go on, until `pause_at`, with the jobs that the end of their window paused; returns them."""
    paused = list(connection.scalars(_WINDOW_OVER))
    for job_id in paused:
        _hold(connection, job_id, None, pause_at)
    return paused


def _hold(connection: sa.Connection, job_id: int, held: str | None, pause_at: datetime | None) -> None:
    connection.execute(sa.update(Job).where(Job.id == job_id).values(held=held, pause_at=pause_at))
    if held is None:  # messages that were delivered meanwhile are spent; one too many does nothing
        connection.execute(_UNPUBLISH, {"job_id": job_id})


def paused(connection: sa.Connection, limit: int = 10) -> list[int]:
    """Some jobs that are on hold, and have work."""
    return list(connection.scalars(_PAUSED, {"limit": limit}))


def _look(connection: sa.Connection, job_id: int) -> sa.Row[Any]:
    """The job, which nobody else acts upon until the transaction ends. Raises UnknownJob."""
    row = connection.execute(_STATE, {"job_id": job_id}).one_or_none()
    if row is None:
        raise UnknownJob(f"there is no job {job_id}")
    return row


def _state(row: sa.Row[Any]) -> JobState:
    """As the view `job_progress` has it, without counting."""
    if row.held == "cancelled":
        return "cancelling" if row.open else "cancelled"
    if row.held == "paused" and (row.adding or row.open):
        return "paused"
    if row.adding:
        return "adding"
    if row.open:
        return "running"
    return "failed" if row.failed else "finished"


_STATE = sa.text(
    """
    SELECT kind, held, closed_at IS NULL AS adding, summary->>'error' IS NOT NULL AS failed,
           EXISTS (SELECT FROM work_items w WHERE w.job_id = j.id AND w.state IN ('pending', 'retry'))
           OR EXISTS (SELECT FROM work_items w WHERE w.job_id = j.id AND w.state = 'leased') AS open
    FROM jobs j WHERE id = :job_id FOR NO KEY UPDATE OF j
    """
)

_PAUSED = sa.text(
    """
    SELECT id FROM jobs j WHERE held = 'paused' AND EXISTS (
        SELECT FROM work_items w WHERE w.job_id = j.id AND w.state IN ('pending', 'retry')) ORDER BY id LIMIT :limit
    """
)

_WINDOW_OVER = sa.text(
    "SELECT id FROM jobs WHERE held = 'paused' AND pause_at <= now() ORDER BY id FOR NO KEY UPDATE"
)

_UNPUBLISH = sa.text(
    """
    WITH spent AS (
        SELECT ctid FROM work_items
        WHERE job_id = :job_id AND state IN ('pending', 'retry') AND published_at IS NOT NULL FOR UPDATE SKIP LOCKED
    )
    UPDATE work_items SET published_at = NULL WHERE ctid = ANY(ARRAY(SELECT ctid FROM spent))
    """
)

_INSTEAD: dict[JobState, str] = {
    "finished": "nothing of it is left",
    "failed": "nothing of it is left; `tagmill failures --job {job}` says what to do",
    "cancelled": "ask for the work anew, by `tagmill ingest` or `tagmill process`",
    "cancelling": "workers are ending what they hold of it",
    "paused": "go on with it by `tagmill jobs resume {job}`",
    "running": "it is not on hold",
    "adding": "it is not on hold",
}


def check_may_retry(connection: sa.Connection, job_id: int) -> None:
    """Raises UnknownJob, JobInOtherState."""
    if _look(connection, job_id).held == "cancelled":
        raise JobInOtherState(
            f"job {job_id} was cancelled, its failures are not tried again: ask for the work anew, by `tagmill process`"
        )


def check_not_cancelled(connection: sa.Connection, job_id: int) -> None:
    """Raises JobCancelled, for whoever would add work to the job."""
    if connection.scalar(sa.select(Job.held).where(Job.id == job_id)) == "cancelled":
        raise JobCancelled(f"job {job_id} was cancelled; what was taken in until then stays")
