"""Photos in quarantine: tried again, and which command does it."""

from __future__ import annotations

import shlex

from catalog import failures, holds, jobs, versions
from catalog.advice import FILE_AT_FAULT
from catalog.failures import Group, Selection
from workers.intake import publish_due
from workers.runtime import Runtime

_MANIFESTS = 3


def retry(runtime: Runtime, selection: Selection) -> int:
    """Try again what is selected; returns how many items. What belongs to a cancelled job stays.

    Raises UnknownCode, UnknownJob, JobInOtherState, UnknownModel, BadFilter.
    """
    with runtime.engine.begin() as connection:
        if selection.code is not None:
            failures.check_code(connection, selection.code)
        if selection.job_id is not None:
            holds.check_may_retry(connection, selection.job_id)
        reopened = jobs.retry(
            connection,
            job_id=selection.job_id,
            code=selection.code,
            version_id=versions.find(connection, selection.model).id if selection.model else None,
            products=selection.products,
        )
    publish_due(runtime)
    return reopened


def commands(group: Group, selection: Selection) -> list[str]:
    """What takes up again the selected failures of a group, once they are mended; ready for a shell."""
    of_file = group.code in FILE_AT_FAULT
    manifests = group.manifests[:_MANIFESTS] if of_file or "ingest" in group.stages else ()
    by_url = ["--allow-urls"] if group.by_url else []
    found = [shlex.join(["tagmill", "ingest", place, *by_url]) for place in manifests]
    if "process" in group.stages and not of_file:
        found.append(shlex.join(["tagmill", "jobs", "retry", *_options(group, selection)]))
    return found


def _options(group: Group, selection: Selection) -> list[str]:
    job = [] if selection.job_id is None else [str(selection.job_id)]
    model = ["--model", selection.model] if selection.model else []
    where = [word for condition in selection.where for word in ("--where", condition)]
    return [*job, "--code", group.code, *model, *where]
