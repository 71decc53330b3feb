"""`/jobs`: how far work is; pause it, go on with it, give it up."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict

from catalog import jobs as catalog_jobs
from catalog.holds import Action
from catalog.jobs import JobKind, JobState
from catalog.ledger import Lane
from workers import holding
from workers.web.deps import Here, Number, Reading, Writer

router = APIRouter(prefix="/jobs", tags=["jobs"])


class Job(BaseModel):
    """Items are photos, each for one model; `open` are those that are not over."""

    model_config = ConfigDict(from_attributes=True)
    job_id: int
    kind: JobKind
    subject: str
    state: JobState
    lane: Lane
    created_at: datetime
    last_finished_at: datetime | None
    items: int
    open: int
    leased: int
    retry: int
    done: int
    quarantined: int
    cancelled: int
    items_per_second: float | None
    seconds_left: float | None
    warning: str


class JobDetails(Job):
    """`failures` counts what failed, by code."""

    failures: dict[str, int] = {}


@router.get("")
def list_jobs(connection: Reading, limit: Annotated[int, Query(ge=1, le=100)] = 20) -> list[Job]:
    """The newest jobs."""
    return [Job.model_validate(job) for job in catalog_jobs.progress(connection, limit=limit)]


@router.get("/{job_id}")
def show(job_id: Number, connection: Reading) -> JobDetails:
    """One job, with its failures by code."""
    (found,) = catalog_jobs.progress(connection, job_id=job_id)
    codes = catalog_jobs.failure_codes(connection, job_id)
    return JobDetails.model_validate(found).model_copy(update={"failures": codes})


@router.post("/{job_id}/{action}")
def act(job_id: Number, action: Action, web: Here, _: Writer) -> Job:
    """Pause, resume or cancel. Of a job that is cancelled what is done stays, and the rest is given up."""
    return Job.model_validate(holding.act(web.runtime, job_id, action))
