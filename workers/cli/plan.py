"""`tagmill plan`: what a run would take, before it is asked for."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from catalog import filters, sample, stale, versions
from catalog.errors import CatalogError
from catalog.forecast import Forecast, forecast
from catalog.sample import Found
from workers.cli.console import duration, err, out, print_json, size, table
from workers.cli.options import JsonFlag, WhereOption
from workers.runtime import Runtime
from workers.settings import settings


class NothingToSample(CatalogError):
    """Ask for photos that lack the model's results."""


def register(app: typer.Typer) -> None:
    app.command()(plan)


def plan(
    model: Annotated[str, typer.Argument(help="NAME or NAME@VERSION, see `tagmill models list`.")],
    where: WhereOption = None,
    processes: Annotated[
        int | None,
        typer.Option("--processes", min=1, help="Worker processes; default: as many as worked lately."),
    ] = None,
    sample_size: Annotated[
        int | None,
        typer.Option("--sample", min=1, help="First run it over so many photos, and show what it finds."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Tell how many photos lack a model's results, how long a run would take, and what it would store.

    Only told: no work is made. Times are those of earlier runs; a version that never ran is measured by --sample, which
    needs a running worker, and whose results stay.

    Example: tagmill plan shoes@2 --where category=Shoes --sample 200
    """
    runtime = Runtime(settings())
    products = filters.parse(where or ())
    with runtime.engine.connect() as connection:
        version = versions.find(connection, model)
    found: list[Found] = []
    failed = 0
    if sample_size is not None:
        with runtime.engine.connect() as connection:
            _, lacking = stale.count(connection, version.id, products)
        if not lacking:
            raise NothingToSample(f"no photo that is meant lacks {version.key}: there is nothing to sample")
        job, failed = _sampled(runtime, version, sample_size, products)
        with runtime.engine.connect() as connection:
            found = sample.found_by_job(connection, job)
    with runtime.engine.connect() as connection:
        seen = forecast(
            connection,
            runtime.store,
            version,
            products=products,
            processes=processes,
            chunk_size=runtime.settings.chunk_size,
        )
    if as_json:
        more = {
            "seconds": seen.seconds,
            "sample": {"found": found, "failed": failed} if sample_size else None,
        }
        print_json({**asdict(seen), **more})
        return
    if sample_size is not None:
        _print_sample(found, failed)
    _print(seen, " ".join(f"--where {shlex.quote(condition)}" for condition in where or ()))


def _sampled(
    runtime: Runtime, version: versions.Version, count: int, products: filters.Filter
) -> tuple[int, int]:
    """(job, how many photos failed) of a sample that is over."""
    from workers.sampling import run_sample

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task(f"sample of {version.key}, in the hands of a worker", total=None)
        done = run_sample(
            runtime,
            version,
            count,
            products,
            lambda seen: bar.update(
                task,
                completed=seen.closed,
                total=seen.items,
                description=f"job {seen.job_id}, sample of {version.key}"
                + ("" if seen.leased or seen.closed else ": waits for a worker"),
            ),
        )
    return done.job_id, done.quarantined


def _print_sample(found: list[Found], failed: int) -> None:
    made = table("found in the sample", "#photos", "#mean score")
    for one in found:
        made.add_row(one.label, f"{one.photos:,}", f"{one.score:.2f}")
    out.print(made if found else "the sample found no labels")
    if failed:
        out.print(f"[yellow]{failed:,} photos of it failed[/yellow]: tagmill status")
    out.print()


def _print(seen: Forecast, where: str) -> None:
    of = "photos that are meant" if where else "photos"
    out.print(f"[bold]{seen.stale:,} of {seen.photos:,} {of}[/bold] lack {seen.model}")
    if seen.waiting:
        out.print(f"{seen.waiting:,} more wait for it in jobs that are there: tagmill jobs list")
    if not seen.stale:
        return
    if seen.seconds is None or seen.seconds_a_photo is None:
        out.print(
            "how long that takes was never measured: add [bold]--sample 200[/bold], with a worker running"
        )
    else:
        out.print(
            f"{duration(seen.seconds)} of one process, at {1000 * seen.seconds_a_photo:.1f} ms a photo "
            f"(measured on {seen.measured_photos:,}, {seen.measured_at_once} at once)"
        )
        _print_end(seen)
    if seen.mask_bytes:
        out.print(f"{size(seen.mask_bytes)} of masks")
    out.print(f"go: [bold]tagmill process {escape(f'{seen.model} {where}'.strip())}[/bold]", soft_wrap=True)


def _print_end(seen: Forecast) -> None:
    if seen.done_at is None:
        why = (
            "no worker did anything lately"
            if not seen.processes
            else "what waits before it was never measured"
        )
        out.print(f"no time of its end: {why}; --processes N assumes some")
        return
    local = seen.done_at.astimezone()
    takes = duration((seen.done_at - datetime.now(UTC)).total_seconds())
    hands = "1 process" if seen.processes == 1 else f"{seen.processes} processes"
    day = "" if local.date() == datetime.now().astimezone().date() else f" on {local:%Y-%m-%d}"
    behind = f", behind {seen.ahead:,} photos that wait already" if seen.ahead else ""
    out.print(f"done in {takes}, at {local:%H:%M %Z}{day}, with {hands}{behind}, if it starts now")
