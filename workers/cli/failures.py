"""`tagmill failures`: what failed, by cause, with what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from catalog import failures as catalog_failures
from catalog import jobs, versions
from catalog.advice import advice
from catalog.failures import Group, Selection
from catalog.snapshot import snapshot
from workers import quarantine
from workers.cli.console import out, print_json, table
from workers.cli.files import replacing
from workers.cli.jobs import told_of_retry
from workers.cli.options import JsonFlag, WhereOption
from workers.cli.page_progress import objects_with_progress
from workers.runtime import Runtime
from workers.settings import settings

NAMED = 3


def register(app: typer.Typer) -> None:
    app.command()(failures)


def failures(
    job: Annotated[int | None, typer.Option("--job", help="Only of this job.")] = None,
    code: Annotated[str | None, typer.Option(help="Only with this code, such as worker_lost.")] = None,
    model: Annotated[str | None, typer.Option("--model", "-m", help="Only of this model version.")] = None,
    where: WhereOption = None,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write a page with the photos.")
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", min=1, max=1000, help="Photos of a code on the page, the newest.")
    ] = 60,
    retry: Annotated[
        bool, typer.Option("--retry", help="Try what is selected again, as `tagmill jobs retry` does.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Tell what failed, by cause: how often, of which models, what to do, and the command that tries again.

    --html writes one file that shows the photos and needs nothing else. Rows that an ingest refused count too; they
    are mended in the manifest.

    Examples: tagmill failures --html failures.html

    tagmill failures --job 3 --code out_of_memory --retry
    """
    runtime = Runtime(settings())
    with snapshot(runtime.engine) as connection:
        if code is not None:
            catalog_failures.check_code(connection, code)
        if job is not None:
            jobs.progress(connection, job_id=job)
        key = versions.find(connection, model).key if model else None
        selection = Selection(job, code, key, tuple(where or ()))
        groups = catalog_failures.grouped(connection, selection)
        photos = catalog_failures.newest(connection, selection, limit) if html else {}
    if html:
        from workers.pages.failures import Material, render

        with replacing(html) as page, objects_with_progress(runtime) as objects:
            page.write(render(Material(selection, groups, photos), objects))
    reopened = quarantine.retry(runtime, selection) if retry else None
    if as_json:
        told = {"html": html and str(html), "work_reopened": reopened}
        print_json({"groups": [_as_dict(group, selection) for group in groups], **told})
        return
    _show(groups, selection, again=not retry)
    if html:
        out.print(f"look at {escape(str(html))}", soft_wrap=True)
    if reopened is not None:
        out.print(told_of_retry(reopened))


def _as_dict(group: Group, selection: Selection) -> dict[str, object]:
    return {
        **asdict(group),
        "advice": advice(group.code),
        "commands": quarantine.commands(group, selection),
    }


def _few(names: Sequence[str]) -> str:
    left = len(names) - NAMED
    return "\n".join((*names[:NAMED], *([f"{left} more"] if left > 0 else ())))


def _show(groups: list[Group], selection: Selection, *, again: bool) -> None:
    if not groups:
        out.print("nothing failed that fits" if selection != Selection() else "nothing failed")
        return
    made = table("#failures", "code", "of", "what to do, and the newest reason")
    for group in groups:
        of = _few(group.models or group.stages)
        told = f"{advice(group.code)}\n[dim]{escape(group.reason)}[/dim]"
        made.add_row(f"{group.failures:,}", escape(group.code), escape(of), told)
    out.print(made)
    for command in dict.fromkeys(c for group in groups for c in quarantine.commands(group, selection)):
        if again:
            out.print(f"then: [bold]{escape(command)}[/bold]", soft_wrap=True)
