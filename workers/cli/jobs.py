"""`tagmill jobs list|show|pause|resume|cancel|retry`."""

from __future__ import annotations

from typing import Annotated

import typer

from catalog import jobs as catalog_jobs
from catalog.failures import Selection
from catalog.holds import Action
from catalog.jobs import Progress
from workers import holding, quarantine
from workers.cli.console import out, print_json
from workers.cli.job_table import jobs_table, progress_as_dict
from workers.cli.options import JobFlag, JsonFlag, WhereOption
from workers.runtime import Runtime
from workers.settings import settings

jobs = typer.Typer(no_args_is_help=True, help="List, show, pause, resume, cancel and retry jobs.")


def register(app: typer.Typer) -> None:
    app.add_typer(jobs, name="jobs")


@jobs.command("list")
def list_(
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="The newest so many.")] = 20,
    as_json: JsonFlag = False,
) -> None:
    """The newest jobs: how far each is, its rate, the time left, and a warning where one stands still.

    Items are photos, each for one model. Example: tagmill jobs list -n 5
    """
    with Runtime(settings()).engine.connect() as connection:
        found = catalog_jobs.progress(connection, limit=limit)
    if as_json:
        print_json([progress_as_dict(progress) for progress in found])
    else:
        out.print(jobs_table(found))


@jobs.command()
def show(job: JobFlag, as_json: JsonFlag = False) -> None:
    """One job, with its failures by code.

    Example: tagmill jobs show 3
    """
    with Runtime(settings()).engine.connect() as connection:
        (found,) = catalog_jobs.progress(connection, job_id=job)
        codes = catalog_jobs.failure_codes(connection, job)
    if as_json:
        print_json({**progress_as_dict(found), "failures": codes})
        return
    out.print(jobs_table([found]))
    for code, count in codes.items():
        out.print(f"  {count:,} {code}")
    if found.quarantined:
        out.print(f"again: [bold]tagmill jobs retry {job}[/bold]")


@jobs.command()
def pause(job: JobFlag, as_json: JsonFlag = False) -> None:
    """Workers end the photos they hold and begin no more of the job; nothing is lost.

    Example: tagmill jobs pause 3
    """
    _act(job, "pause", as_json)


@jobs.command()
def resume(job: JobFlag, as_json: JsonFlag = False) -> None:
    """Go on with a job that was paused.

    Example: tagmill jobs resume 3
    """
    _act(job, "resume", as_json)


@jobs.command()
def cancel(job: JobFlag, as_json: JsonFlag = False) -> None:
    """Give up what is left of a job. What is done stays; the rest can be asked for again by a new job.

    Example: tagmill jobs cancel 3
    """
    _act(job, "cancel", as_json)


@jobs.command()
def retry(
    job: Annotated[int | None, typer.Argument(help="A job's number; default: all jobs.")] = None,
    code: Annotated[
        str | None, typer.Option(help="Only failures with this code, such as worker_lost.")
    ] = None,
    model: Annotated[str | None, typer.Option("--model", "-m", help="Only of this model version.")] = None,
    where: WhereOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Try quarantined photos again, once what stood in their way is mended. What is done stays as it is.

    Examples: tagmill jobs retry 3

    tagmill jobs retry --code out_of_memory --where category=Shoes
    """
    reopened = quarantine.retry(Runtime(settings()), Selection(job, code, model, tuple(where or ())))
    if as_json:
        print_json({"work_reopened": reopened})
    else:
        out.print(told_of_retry(reopened))


def told_of_retry(reopened: int) -> str:
    if reopened:
        return f"{reopened:,} items are tried again; next: [bold]tagmill worker --drain[/bold]"
    return "no photo in quarantine fits; rows that an ingest refused are mended in its manifest"


def _act(job: int, action: Action, as_json: bool) -> None:
    found = holding.act(Runtime(settings()), job, action)
    if as_json:
        print_json(progress_as_dict(found))
    else:
        out.print(_told(found, action))


def _told(found: Progress, action: Action) -> str:
    job = f"job {found.job_id}"
    held = f"{found.leased:,} are being ended by workers" if found.leased else "no worker holds any"
    match action:
        case "pause":
            return f"{job} is paused: {found.open:,} items are left, {held}"
        case "resume":
            return f"{job} goes on: {found.open:,} items are left"
        case "cancel":
            return f"{job} is cancelled: {found.done:,} items are done, {found.cancelled:,} given up, {held}"
