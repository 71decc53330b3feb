"""`tagmill shoppers load|refresh|forget`: what shoppers did."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from catalog import interactions
from catalog.error_report import ErrorReport, report_path
from catalog.interactions import Loaded
from catalog.recommend import refresh as refresh_recommendations
from workers.cli.console import err, out, print_json
from workers.cli.options import JsonFlag
from workers.runtime import Runtime
from workers.settings import settings

SOME_REFUSED = 3

shoppers = typer.Typer(
    no_args_is_help=True, help="Load what shoppers did, make recommendations of it, forget a shopper."
)


def register(app: typer.Typer) -> None:
    app.add_typer(shoppers, name="shoppers")


@shoppers.command()
def load(
    file: Annotated[
        Path,
        typer.Argument(
            help="CSV, JSON Lines or Parquet with columns shopper, sku, kind (view, cart, purchase), happened_at."
        ),
    ],
    as_json: JsonFlag = False,
) -> None:
    """Take in what shoppers did. It counts at once; `tagmill shoppers refresh` sees what goes together.

    Doing it again adds nothing, also after a kill. Times without a zone are UTC. Bad rows are listed with their
    lines in FILE.errors.csv, the rest goes on; the exit code is then 3.

    Example: tagmill shoppers load clicks.csv
    """
    with _progress() as bar, ErrorReport(report_path(str(file))) as report:
        task = bar.add_task("load", total=None, rows=0)
        done = interactions.load(
            Runtime(settings()).engine,
            file,
            report.add,
            lambda so_far, state: bar.update(task, completed=state.done, total=state.total, rows=so_far.rows),
        )
    if as_json:
        print_json({**done.as_dict(), "errors_file": str(report.path) if report.count else None})
    else:
        _show(done, report)
    if report.count:
        raise typer.Exit(SOME_REFUSED)


@shoppers.command()
def refresh(as_json: JsonFlag = False) -> None:
    """See anew which products go together and what is popular; the schedule `statistics` does it, too.

    Recommendations go on meanwhile, by what was known before.

    Example: tagmill shoppers refresh
    """
    with err.status("refresh"):
        done = refresh_recommendations(Runtime(settings()).engine)
    if as_json:
        print_json(done)
    elif done is None:
        out.print("another is at it just now; nothing was done")
    else:
        out.print(f"{done.pairs:,} pairs of products, {done.popular:,} products by popularity")


@shoppers.command()
def forget(
    shopper: Annotated[str, typer.Argument(help="The name that the shop tells interactions by.")],
    as_json: JsonFlag = False,
) -> None:
    """Remove all that a shopper did. What goes together counts them until the next refresh, without their name.

    Example: tagmill shoppers forget c-1042
    """
    with Runtime(settings()).engine.begin() as connection:
        removed = interactions.forget(connection, shopper)
    if as_json:
        print_json({"shopper": shopper, "removed": removed})
    elif removed:
        out.print(f"{removed:,} interactions of {escape(shopper)} removed", soft_wrap=True)
    else:
        out.print(f"nothing is known of {escape(shopper)}", soft_wrap=True)


def _progress() -> Progress:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %  {task.fields[rows]:,} rows"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=err, transient=True, disable=not err.is_terminal)


def _show(done: Loaded, report: ErrorReport) -> None:
    out.print(f"{done.rows:,} rows: {done.new:,} new, {done.known:,} known before")
    if report.count:
        causes = ", ".join(f"{count:,} {code}" for code, count in done.refused.most_common())
        out.print(f"[yellow]refused[/yellow] {causes}; see {escape(str(report.path))}", soft_wrap=True)
