"""What is due at set times: each time once, as a job, whoever hears of it and how often."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog

from catalog import jobs, locks, schedules
from catalog.errors import CatalogError, StoreUnavailable
from catalog.jobs import JobKind
from models.errors import ModelError
from workers.runtime import Runtime

log = structlog.get_logger()

Ending = Callable[[], bool]


class Stopped(Exception):
    """Go on with it later: it was asked to stop, killed, or could not reach a service."""


class Killed(Stopped):
    """Something killed it, such as want of memory: that counts as a beginning, or it would go on for ever."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One time that is due: the job it is, and how to learn that one is to end, or has lost the right to go on."""

    runtime: Runtime
    job_id: int
    scheduled_for: datetime
    ending: Ending
    lock: locks.Turn

    def check(self) -> None:
        """Between two steps. Raises Stopped where the process is to end."""
        if self.ending():
            raise Stopped("it was asked to stop")


@dataclass(frozen=True, slots=True)
class Schedule:
    """Something to be done at set times. `action` returns the job's final subject, and what is kept of it."""

    name: str
    kind: JobKind
    subject: Callable[[Runtime], str]
    action: Callable[[Turn], tuple[str, dict[str, Any]]]


def run(runtime: Runtime, schedule: Schedule, scheduled_for: datetime, ending: Ending) -> None:
    """Do what was due then, unless another does it, or has done it; where one is at an earlier time, it is left behind.

    What fails is closed with its reason. What is stopped or killed, or whose services go away, stays open, to be gone
    on with: see `left_behind`. So does that whose lock was lost meanwhile: another may be at it.
    """
    subject = schedule.subject(runtime)
    with runtime.engine.begin() as connection:
        schedules.note(connection, schedule.name, schedule.kind, scheduled_for, subject)
    with locks.turn(runtime.engine, schedule.name) as lock:
        if lock is None:
            log.info(
                "another is at this schedule", schedule=schedule.name, scheduled_for=scheduled_for.isoformat()
            )
            return
        with runtime.engine.begin() as connection:
            job_id = schedules.begin(connection, schedule.name, scheduled_for)
        if job_id is None:
            log.info("this time is over", schedule=schedule.name, scheduled_for=scheduled_for.isoformat())
            return
        with structlog.contextvars.bound_contextvars(job=job_id, schedule=schedule.name):
            _do(schedule, Turn(runtime, job_id, scheduled_for, ending, lock))


def left_behind(runtime: Runtime, schedule: str) -> list[datetime]:
    """Times that were begun and are not over, while nobody is at it: their process died, or was stopped."""
    with runtime.engine.begin() as connection:
        return schedules.left_behind(connection, schedule) if locks.nobody_at(connection, schedule) else []


def _do(schedule: Schedule, turn: Turn) -> None:
    log.info("scheduled work begins", scheduled_for=turn.scheduled_for.isoformat())
    try:
        subject, summary = schedule.action(turn)
    except (Stopped, StoreUnavailable) as reason:
        log.warning("scheduled work stopped; it goes on later", reason=str(reason))
        if not isinstance(reason, Killed):
            with turn.runtime.engine.begin() as connection:
                schedules.give_back(connection, schedule.name, turn.scheduled_for)
        return
    except (ModelError, CatalogError) as error:
        log.error("scheduled work failed", error=str(error))
        if not turn.lock.holds():
            return  # another may do better, and has the last word
        subject, summary = schedule.subject(turn.runtime), {"error": str(error)}
    else:
        log.info("scheduled work done", **summary)
    with turn.runtime.engine.begin() as connection:
        jobs.close(connection, turn.job_id, summary, subject=subject)
