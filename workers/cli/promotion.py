"""`tagmill models promote|rollback`: which version serves."""

from __future__ import annotations

from typing import Annotated

import typer

from catalog import promotion
from catalog.promotion import Coverage, Gaps, Switched
from workers.cli.console import err, out, print_json
from workers.cli.options import JsonFlag
from workers.runtime import Runtime
from workers.settings import settings


def register(models: typer.Typer) -> None:
    models.command()(promote)
    models.command()(rollback)


def promote(
    model: Annotated[str, typer.Argument(help="NAME@VERSION, a candidate or a retired version.")],
    fill: Annotated[
        bool, typer.Option("--fill", help="Run it over photos that lack it first, and wait for that.")
    ] = False,
    anyway: Annotated[
        bool,
        typer.Option("--anyway", help="Now, though photos lack it: they show nothing until they are run."),
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Let a version serve: views show its results at once, and the version that served is retired.

    Refused, with what is missing, where photos would lose the results they show now. With --fill such photos are
    given to workers, those too that are taken in meanwhile; interrupted, it goes on when it is run again.

    Examples: tagmill models promote shoes@2

    tagmill models promote shoes@2 --fill
    """
    if fill and anyway:
        raise typer.BadParameter("--fill waits for what --anyway puts up with: choose one")
    from workers import promoting

    runtime = Runtime(settings())
    if fill:
        with err.status("looking at what is missing …") as status:
            done = promoting.fill_and_promote(runtime, model, lambda gaps: status.update(_left(model, gaps)))
    else:
        done = promoting.promote(runtime, model, anyway=anyway)
    _report(runtime, done, as_json)


def rollback(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A model's name, without a version.")],
    as_json: JsonFlag = False,
) -> None:
    """Let the version serve again that served before, at once. A second rollback takes the first one back.

    Example: tagmill models rollback shoes
    """
    if "@" in name:
        raise typer.BadParameter(
            f"give the name alone; a version is chosen by `tagmill models promote {name}`"
        )
    runtime = Runtime(settings())
    with runtime.engine.begin() as connection:
        done = promotion.rollback(connection, name)
    _report(runtime, done, as_json)


def _left(model: str, gaps: Gaps) -> str:
    failed = f", {gaps.failed.total():,} failed" if gaps.failed else ""
    return f"{model}: {gaps.waiting + gaps.unasked:,} photos are left{failed} (is tagmill worker running?)"


def _report(runtime: Runtime, done: Switched, as_json: bool) -> None:
    with runtime.engine.connect() as connection:
        covered = promotion.coverage(connection, done.version)
    if as_json:
        print_json(
            {
                "model": done.version.key,
                "retired": done.retired and done.retired.key,
                "done": covered.done,
                "failed": covered.failed,
                "photos": covered.photos,
                "lost": done.gaps.photos,
            }
        )
    else:
        _print(done, covered)


def _print(done: Switched, covered: Coverage) -> None:
    key = done.version.key
    out.print(f"{key} serves now" + (f", {done.retired.key} is retired" if done.retired else ""))
    out.print(f"{covered.done:,} of {covered.photos:,} photos have its results")
    if done.gaps.photos:
        out.print(f"[yellow]{done.gaps.photos:,} photos lost what they showed[/yellow]")
    if covered.failed:
        out.print(f"{covered.failed:,} failed: tagmill failures --model {key}")
    if covered.done + covered.failed < covered.photos:
        out.print(f"for the rest: [bold]tagmill process {key}[/bold], tagmill worker --drain")
    if done.retired:
        out.print(f"back: tagmill models rollback {done.version.name}")
