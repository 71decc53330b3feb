"""`tagmill orphans`: objects in the store that no row names."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Annotated

import typer
from rich.markup import escape

from catalog.orphans import Orphans, collect
from workers.cli.console import err, out, print_json
from workers.runtime import Runtime
from workers.settings import settings


def register(app: typer.Typer) -> None:
    app.command()(orphans)


def orphans(
    delete: Annotated[bool, typer.Option("--delete", help="Delete what is found.")] = False,
    older_than: Annotated[float, typer.Option(min=0, help="Hours; younger objects are left alone.")] = 24.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Find objects that no row names, left by processes that died between upload and commit.

    They cost space and nothing else. Safe beside ingests and workers. Keep what your oldest backup may name:
    --older-than its age. Examples: tagmill orphans; tagmill orphans --delete --older-than 720
    """
    runtime = Runtime(settings())
    with err.status("looking …") as status:

        def show(state: Orphans) -> None:
            status.update(f"looked at {state.looked_at:,} objects, {state.found.total():,} orphans")

        age = timedelta(hours=older_than)
        found = collect(runtime.engine, runtime.store, older_than=age, delete=delete, on_progress=show)
    if as_json:
        print_json(asdict(found))
        return
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in found.found.items()) or "nothing"
    out.print(f"looked at {found.looked_at:,} objects; orphans: {kinds}; deleted {found.deleted:,}")
    for key in found.keys:
        out.print(f"  {escape(key)}", soft_wrap=True)
    if found.found.total() > found.deleted and not delete:
        out.print("delete them: tagmill orphans --delete")
