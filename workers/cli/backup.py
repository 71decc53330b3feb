"""`tagmill backup` and `tagmill restore`: database and objects, as one folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from workers import backup as backups
from workers.cli.console import err, out, print_json
from workers.runtime import Runtime
from workers.settings import settings

SOME_MISSING = 3

Folder = Annotated[
    Path, typer.Argument(help="A folder; the same each time, so that only new objects are copied.")
]
JsonFlag = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def register(app: typer.Typer) -> None:
    app.command()(backup)
    app.command()(restore)


def backup(folder: Folder, as_json: JsonFlag = False) -> None:
    """Save the database, then every object its rows name. Workers and ingests may go on meanwhile.

    Killed, it goes on where it was when run again. Exit code 3 where objects were missing in the store.
    Example: tagmill backup /backups/tagmill
    """
    with err.status("saving …") as status:
        done = backups.save(Runtime(settings()), folder, lambda text: status.update(text))
    if as_json:
        print_json(done)
    else:
        out.print(
            f"{folder}: {done.objects:,} objects, {done.copied:,} of them new, {done.missing:,} missing"
        )
    if done.missing:
        raise typer.Exit(SOME_MISSING)


def restore(folder: Folder, as_json: JsonFlag = False) -> None:
    """Load a backup into an empty database, and put back the objects that the bucket lacks.

    Work that was in hand is due again. Example: tagmill restore /backups/tagmill
    """
    with err.status("restoring …") as status:
        done = backups.load(Runtime(settings()), folder, lambda text: status.update(text))
    if as_json:
        print_json(done)
    else:
        out.print(f"restored; {done.copied:,} objects put back, {done.missing:,} not in the backup")
    if done.missing:
        raise typer.Exit(SOME_MISSING)
