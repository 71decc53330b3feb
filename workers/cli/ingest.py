"""`tagmill ingest` and `tagmill process`: work for the models."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from catalog import filters, holds, jobs, stale, versions
from catalog.batches import Summary
from catalog.error_report import ErrorReport
from catalog.ledger import Lane
from catalog.manifests import Manifest
from workers.cli.console import STOPPED, err, out, print_json
from workers.cli.options import FreshFlag, JsonFlag, WhereOption
from workers.intake import ingest_manifest, publish_due
from workers.runtime import Runtime
from workers.settings import settings

SOME_REFUSED = 3

_WITH_THEM = (
    "all photos that are meant have it (--again runs it once more), wait for it in other jobs, or failed: "
    "tagmill plan, tagmill failures"
)
_WITHOUT_THEM = "no photo that is meant has it; without --again it runs over those that lack it"


def register(app: typer.Typer) -> None:
    app.command()(ingest)
    app.command()(process)


def ingest(
    manifest: Annotated[
        str, typer.Argument(help="A CSV, JSON Lines or Parquet file, a folder, or s3://bucket/prefix.")
    ],
    root: Annotated[
        list[str] | None,
        typer.Option(help="A further folder or s3:// prefix that photos may lie in; repeatable."),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option("--model", "-m", help="Only this model (NAME or NAME@VERSION); repeatable."),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Read and check everything, take nothing in; only the list of refused rows is written.",
        ),
    ] = False,
    fresh: FreshFlag = False,
    as_json: JsonFlag = False,
    threads: Annotated[int, typer.Option(min=1, max=64, help="Threads that read and upload photos.")] = 8,
    allow_urls: Annotated[
        bool, typer.Option("--allow-urls", help="Fetch photos that are named by http and https URLs.")
    ] = False,
    url_host: Annotated[
        list[str] | None,
        typer.Option(help="Fetch from this host only, or from all below .SUFFIX; repeatable."),
    ] = None,
    refetch: Annotated[
        bool, typer.Option("--refetch", help="Fetch again what products show already: it may have changed.")
    ] = False,
) -> None:
    """Take a catalog in: photos to the object store, products to Postgres, work to the queue.

    Doing it again makes no new work and updates changed product fields. Refused rows are listed in
    MANIFEST.errors.csv and in the view `failures`; the exit code is then 3.

    Examples: tagmill ingest products.csv --root /srv/photos

    tagmill ingest feed.csv --allow-urls --url-host .shop.example
    """
    if (url_host or refetch) and not allow_urls:
        raise typer.BadParameter("--url-host and --refetch are of photos by URL: add --allow-urls")
    config = settings()
    try:
        rules = config.url_rules(url_host or ()) if allow_urls else None
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--url-host") from None
    with _progress() as bar:
        task = bar.add_task("ingest", total=None, photos=0, rate=0.0)
        try:
            summary, report = ingest_manifest(
                Runtime(config),
                manifest,
                roots=root or (),
                models=model or (),
                dry_run=dry_run,
                threads=threads,
                lane="fresh" if fresh else "backlog",
                urls=rules,
                again=refetch,
                on_progress=lambda opened, state: _show(bar, task, opened, state),
            )
        except KeyboardInterrupt:
            err.print("stopped; the same command goes on with what is not taken in yet", soft_wrap=True)
            raise typer.Exit(STOPPED) from None
    if as_json:
        print_json({**summary.as_dict(), "errors_file": str(report.path) if report.count else None})
    else:
        _print(summary, report, dry_run)
    if report.count:
        raise typer.Exit(SOME_REFUSED)


def process(
    model: Annotated[str, typer.Argument(help="NAME or NAME@VERSION, see `tagmill models list`.")],
    sku: Annotated[list[str] | None, typer.Option(help="Only photos of this product; repeatable.")] = None,
    where: WhereOption = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many photos.")] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Over photos that have it, those done longest ago first.")
    ] = False,
    fresh: FreshFlag = False,
    hours: Annotated[
        float | None,
        typer.Option(help="Pause after so many hours; the schedule `reprocess` goes on with it.", min=0.01),
    ] = None,
    pace: Annotated[float | None, typer.Option(help="Photos a second at most.", min=0.001)] = None,
    as_json: JsonFlag = False,
) -> None:
    """Run a model over photos that are there and have not been seen by it; with --again, over those that it has seen.

    What is stored is shown until new results take its place; people's word stays in any case.

    Examples: tagmill process product-cutout --limit 100

    tagmill process shoes@2 --where category=Shoes

    tagmill process shoes@2 --hours 6 --pace 50

    tagmill process shoes@2 --again --sku SHOE-17
    """
    runtime = Runtime(settings())
    products = filters.parse(where or ())
    lane: Lane = "fresh" if fresh else "backlog"
    with runtime.engine.connect() as connection:
        version = versions.find(connection, model)
        job_id, added = stale.plan(
            connection, version.id, version.key, sku or (), limit, products=products, lane=lane, again=again
        )
        pause_at = None if hours is None else datetime.now(UTC) + timedelta(hours=hours)
        holds.bound(connection, job_id, jobs.Bounds(pause_at, pace))
        if added:  # a job of nothing would only stand in the list
            connection.commit()
    publish_due(runtime)
    if as_json:
        print_json({"job_id": job_id if added else None, "model": version.key, "work_new": added})
    elif added:
        out.print(f"job {job_id}: {added:,} photos wait for {version.key}")
    else:
        out.print(f"nothing to do: {_WITHOUT_THEM if again else _WITH_THEM}", soft_wrap=True)


def _progress() -> Progress:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %  {task.fields[photos]:,} photos  {task.fields[rate]:,.0f}/s"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=err, transient=True, disable=not err.is_terminal)


def _show(bar: Progress, task: TaskID, manifest: Manifest, summary: Summary) -> None:
    state = manifest.progress()
    elapsed = bar.tasks[task].elapsed or 0.0
    rate = summary.photos / elapsed if elapsed else 0.0
    bar.update(task, completed=state.done, total=state.total, photos=summary.photos, rate=rate)


def _print(summary: Summary, report: ErrorReport, dry_run: bool) -> None:
    what = "dry run, nothing was changed" if dry_run else f"job {summary.job_id}"
    rate = summary.photos / summary.seconds if summary.seconds else 0.0
    took = f"{summary.photos:,} photos in {summary.seconds:.1f} s ({rate:,.0f}/s)"
    out.print(f"[bold]{what}[/bold]: {summary.rows:,} rows, {took}")
    if not dry_run:  # which counts photos only
        out.print(f"  products   {summary.products_new:,} new, {summary.products_changed:,} changed")
    out.print(f"  photos     {summary.photos_new:,} new, {summary.photos_known:,} known before")
    if not dry_run:
        if summary.photos_replaced:
            out.print(f"  replaced   {summary.photos_replaced:,} photos, by others in their places")
        out.print(f"  work       {summary.work_new:,} items (a photo for a model)")
    if report.count:
        causes = ", ".join(f"{count:,} {code}" for code, count in summary.errors.most_common())
        out.print(f"  [yellow]refused[/yellow]    {causes}")
        out.print(f"             see {escape(str(report.path))}", soft_wrap=True)
    if summary.work_new:
        out.print("next: [bold]tagmill worker --drain[/bold]")
