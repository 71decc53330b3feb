"""`tagmill export`: results as files."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from catalog.export.state import State
from workers.cli.console import STOPPED, duration, err, out, print_json, size
from workers.cli.options import JsonFlag, WhereOption
from workers.runtime import Runtime
from workers.settings import settings

SOME_FAILED = 3


class Kind(StrEnum):
    TAGS = "tags"
    DETECTIONS = "detections"
    SEGMENTS = "segments"
    EMBEDDINGS = "embeddings"
    COCO = "coco"
    CUTOUTS = "cutouts"


class TableFormat(StrEnum):
    PARQUET = "parquet"
    CSV = "csv"


def register(app: typer.Typer) -> None:
    app.command()(export)


def export(
    what: Annotated[
        Kind,
        typer.Argument(
            metavar="WHAT",
            help="Rows: tags, detections, segments, embeddings; one file: coco; PNGs: cutouts.",
        ),
    ],
    place: Annotated[
        str, typer.Argument(metavar="OUT", help="A folder; for cutouts perhaps s3://bucket/prefix.")
    ],
    table_format: Annotated[
        TableFormat | None, typer.Option("--format", help="Of rows; parquet by default.")
    ] = None,
    where: WhereOption = None,
    model: Annotated[
        list[str] | None,
        typer.Option("--model", "-m", help="NAME or NAME@VERSION, in place of what serves; repeatable."),
    ] = None,
    photos: Annotated[
        int | None, typer.Option("--part", min=1, help="Photos a part; what is lost at most by a kill.")
    ] = None,
    threads: Annotated[int, typer.Option(min=1, max=64, help="Photos or masks that are read at a time.")] = 4,
    again: Annotated[
        bool,
        typer.Option(
            "--again", help="Make a finished export anew, with what serves now; its parts are deleted first."
        ),
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Write tags, detections, segments or embeddings as files, of any number of photos.

    The same command again goes on where the last one stopped; the models stay those that it began with. An export is
    a job: `tagmill jobs cancel` stops it after the part in hand. Photos and masks that cannot be used are named, and
    the exit code is then 3.

    Example: tagmill export tags /srv/exports/tags

    Example: tagmill export tags shoes/ --format csv --where category=Shoes

    Example: tagmill export cutouts s3://shop-media/cutouts --model product-cutout
    """
    from workers.export.start import Order, start  # Arrow and torch take their time to load

    order = Order(
        what.value,
        place,
        table_format.value if table_format else None,
        where or (),
        model or (),
        photos,
        threads,
        again,
    )
    with _Bar() as bar:
        try:
            state, is_new = start(Runtime(settings()), order, bar)
        except KeyboardInterrupt:
            err.print("stopped; the same command goes on after the last finished part")
            raise typer.Exit(STOPPED) from None
    if as_json:
        from catalog.export.run import summary

        print_json({"out": place, "job_id": state.job_id, "new": is_new, **summary(state)})
    else:
        _print(state, place, is_new)
    if state.failed:
        raise typer.Exit(SOME_FAILED)


class _Bar(Progress):
    """Told how far it is by ids of photos; names photos that failed."""

    def __init__(self) -> None:
        columns = (
            TextColumn("export"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %  {task.fields[rows]:,} rows  {task.fields[rate]:,.0f}/s"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        super().__init__(*columns, console=err, transient=True, disable=not err.is_terminal)
        self._task = self.add_task("export", total=None, rows=0, rate=0.0)
        self._first: int | None = None
        self.count = 0

    def at(self, done: int, total: int, rows: int) -> None:
        if self._first is None:
            self._first = rows
        elapsed = self.tasks[0].elapsed or 0.0
        rate = (rows - self._first) / elapsed if elapsed else 0.0
        self.update(self._task, completed=done, total=total, rows=rows, rate=rate)

    def failed(self, key: str, reason: Exception) -> None:
        self.count += 1
        err.print(f"[yellow]failed[/yellow] {escape(f'{key}: {reason}')}", soft_wrap=True)


def _print(state: State, place: str, is_new: bool) -> None:
    if not is_new:
        ended = f"{state.finished_at.astimezone():%Y-%m-%d %H:%M}" if state.finished_at else "before"
        out.print(f"this export was finished {ended}; --again makes it anew")
    rate = f" ({state.rows / state.seconds:,.0f}/s)" if state.seconds else ""
    out.print(f"[bold]job {state.job_id}[/bold]: {state.rows:,} rows in {duration(state.seconds)}{rate}")
    out.print(
        f"  in         {escape(place)}, {len(state.parts):,} parts, {size(state.bytes)}", soft_wrap=True
    )
    if state.versions:
        out.print(f"  models     {escape(', '.join(state.versions))}")
    if state.failed:
        out.print(f"  [yellow]failed[/yellow]     {state.failed:,} photos")
