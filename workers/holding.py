"""A job is paused, resumed or cancelled, and workers are told: for the command line, the API and the pages alike."""

from __future__ import annotations

from catalog import holds, jobs
from catalog.holds import Action
from catalog.jobs import Progress
from workers.intake import publish_due
from workers.runtime import Runtime


def act(runtime: Runtime, job_id: int, action: Action) -> Progress:
    """How the job stands then. Raises UnknownJob, JobInOtherState."""
    with runtime.engine.begin() as connection:
        holds.act(connection, job_id, action)
    if action == "cancel":
        runtime.ledger.cancel()
    if action == "resume":
        publish_due(runtime)
    with runtime.engine.connect() as connection:
        (found,) = jobs.progress(connection, job_id=job_id)
    return found
