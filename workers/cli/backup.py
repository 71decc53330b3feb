"""`tagmill backup` and `tagmill restore`: a copy of everything in a folder, and the way back."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from workers.backup import Restored, Taken
from workers.backup import restore as restore_backup
from workers.backup import take as take_backup
from workers.backup.objects import Listed
from workers.cli.console import duration, err, out, print_json
from workers.cli.options import JsonFlag
from workers.runtime import Runtime
from workers.settings import settings

SOME_MISSING = 3

Threads = Annotated[int, typer.Option(min=1, max=64, help="Objects copied at a time.")]


def register(app: typer.Typer) -> None:
    app.command()(backup)
    app.command()(restore)


def backup(
    folder: Annotated[Path, typer.Argument(help="A new folder, or that of the backup to refresh.")],
    no_objects: Annotated[
        bool, typer.Option("--no-objects", help="Only the database: the bucket is kept safe by other means.")
    ] = False,
    threads: Threads = 16,
    as_json: JsonFlag = False,
) -> None:
    """Copy the database, then the photos, masks and weights that it names, into a folder.

    Workers and ingests may go on meanwhile: the copy is of one moment. Into the same folder again, only new objects
    are copied; killed, run it again. Objects that are missing are named, and the exit code is then 3.

    Example: tagmill backup /srv/backups/tagmill
    Example: tagmill backup /srv/backups/tagmill --no-objects --json
    """
    with _Bar() as bar:
        taken = take_backup(
            Runtime(settings()), folder, objects=not no_objects, threads=threads, listener=bar
        )
    if as_json:
        print_json({"folder": folder.absolute(), **_document(taken)})
    else:
        _print(f"backed up to {folder}", taken)
    if taken.missing:
        raise typer.Exit(SOME_MISSING)


def restore(
    folder: Annotated[Path, typer.Argument(help="The folder of a finished backup.", exists=True)],
    replace: Annotated[
        bool, typer.Option("--replace", help="Even where the database holds a catalog: it is lost.")
    ] = False,
    threads: Threads = 16,
    as_json: JsonFlag = False,
) -> None:
    """Bring a backup back into the configured database and bucket, at this release's schema.

    Stop the workers first. Objects come first, then the database in one transaction; what is there is not copied
    again. Photos that were being worked on are tried again. Objects that are missing are named, and the exit
    code is then 3.

    Example: TAGMILL_DATABASE_URL=… TAGMILL_S3_BUCKET=… tagmill restore /srv/backups/tagmill
    Example: tagmill restore /srv/backups/tagmill --replace
    """
    with _Bar() as bar:
        restored = restore_backup(Runtime(settings()), folder, replace=replace, threads=threads, listener=bar)
    if as_json:
        print_json({"folder": folder.absolute(), **_document(restored), **asdict(restored.mended)})
    else:
        _print(f"restored from {folder}", restored)
        out.print(f"  work       {restored.mended.released:,} items were under way and are tried again")
        if restored.mended.interrupted:
            out.print(f"  ingests    {restored.mended.interrupted:,} were under way: ingest those again")
        out.print("next: [bold]tagmill worker[/bold]")
    if restored.missing:
        raise typer.Exit(SOME_MISSING)


class _Bar:
    """A listener that draws a bar, and names what is missing, on standard error."""

    def __init__(self) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._bar = Progress(*columns, console=err, transient=True, disable=not err.is_terminal)
        self._task = self._bar.add_task("", total=None)

    def __enter__(self) -> _Bar:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def step(self, name: str, total: int | None = None) -> None:
        self._bar.update(self._task, description=name, total=total, completed=0)

    def advance(self, count: int) -> None:
        self._bar.advance(self._task, count)

    def missing(self, listed: Listed) -> None:
        err.print(f"[yellow]missing or damaged[/yellow] {escape(listed.key)}", soft_wrap=True)


def _document(result: Taken | Restored) -> dict[str, Any]:
    manifest = result.manifest
    return {
        "taken_at": manifest.taken_at,
        "tagmill": manifest.tagmill,
        "revision": manifest.revision,
        **manifest.counts.model_dump(),
        "objects": manifest.objects.count if manifest.objects else None,
        "copied": result.copied,
        "present": result.present,
        "missing": result.missing,
        "seconds": round(result.seconds, 3),
    }


def _print(what: str, result: Taken | Restored) -> None:
    counts = result.manifest.counts
    taken_at = f"{result.manifest.taken_at.astimezone():%Y-%m-%d %H:%M:%S}"
    out.print(f"[bold]{escape(what)}[/bold]: as of {taken_at}, in {duration(result.seconds)}", soft_wrap=True)
    out.print(
        f"  database   {counts.products:,} products, {counts.images:,} photos, {counts.work_items:,} items"
    )
    if result.manifest.objects is None:
        out.print("  objects    not in this backup")
        return
    out.print(f"  objects    {result.copied:,} copied, {result.present:,} there before")
    if result.missing:
        out.print(f"  [yellow]missing[/yellow]    {result.missing:,} objects, named above")
