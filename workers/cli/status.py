"""`tagmill status`: services, jobs and the latest failures."""

from __future__ import annotations

import time
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.text import Text

from catalog import jobs
from catalog.jobs import Failure, Progress
from workers.cli.console import out, print_json, table
from workers.cli.job_table import jobs_table, progress_as_dict
from workers.health import ServiceHealth, probe
from workers.runtime import Runtime
from workers.settings import settings

WATCH_SECONDS = 1.0
FAILURES_SHOWN = 5


def register(app: typer.Typer) -> None:
    app.command()(status)


def status(
    job: Annotated[int | None, typer.Argument(help="A job's number; default: the newest jobs.")] = None,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Keep looking until the work is done.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Show services, jobs with rate and time left, and the latest failures.

    Exit code 1 when a service does not answer. Example: tagmill status 3 --watch
    """
    runtime = Runtime(settings())
    services = probe(runtime)
    healthy = all(service.ok for service in services)
    if not all(service.ok for service in services if service.name == "postgres"):
        if as_json:
            print_json({"services": services, "jobs": [], "failures": []})
        else:
            out.print(_services(services))
        raise typer.Exit(1)
    if watch:
        _watch(runtime, services, job)
    elif as_json:
        progress, failures = _read(runtime, job)
        print_json(
            {"services": services, "jobs": [progress_as_dict(p) for p in progress], "failures": failures}
        )
    else:
        out.print(_view(services, *_read(runtime, job)))
    if not healthy:
        raise typer.Exit(1)


def _read(runtime: Runtime, job: int | None) -> tuple[list[Progress], list[Failure]]:
    with runtime.engine.connect() as connection:
        return jobs.progress(connection, job_id=job), jobs.failures(connection, job, FAILURES_SHOWN)


def _watch(runtime: Runtime, services: list[ServiceHealth], job: int | None) -> None:
    with Live(console=out, auto_refresh=False) as live:
        while True:
            progress, failures = _read(runtime, job)
            live.update(_view(services, progress, failures), refresh=True)
            if not any(p.goes_on for p in progress):
                return
            time.sleep(WATCH_SECONDS)


def _view(services: list[ServiceHealth], progress: list[Progress], failures: list[Failure]) -> RenderableType:
    parts: list[RenderableType] = [_services(services), Text(), jobs_table(progress)]
    if failures:
        parts += [Text(), _failures(failures)]
    return Group(*parts)


def _services(services: list[ServiceHealth]) -> RenderableType:
    made = table("service", "", "where")
    for service in services:
        made.add_row(
            service.name,
            Text("ok", "green") if service.ok else Text("down", "bold red"),
            Text(service.detail),
        )
    return made


def _failures(failures: list[Failure]) -> RenderableType:
    made = table("latest failures", "code", "reason")
    for failure in failures:
        line = f"line {failure.line}" if failure.line is not None else ""
        made.add_row(escape(failure.source or failure.sku or line), failure.code, escape(failure.reason))
    return made
