"""`tagmill models diff`: what would change if another version served."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from catalog import filters
from catalog.diff import LabelDiff
from catalog.neighbours import NeighbourDiff
from catalog.snapshot import snapshot
from workers.cli.console import err, out, print_json, table
from workers.cli.files import replacing
from workers.cli.options import JsonFlag, WhereOption
from workers.cli.page_progress import objects_with_progress
from workers.pages.diff import Compared, compare, render, told
from workers.runtime import Runtime
from workers.settings import settings

SHOWN = 8


def register(models: typer.Typer) -> None:
    models.command()(diff)


def diff(
    first: Annotated[
        str, typer.Argument(metavar="A", help="NAME@VERSION; alone, it is compared with what serves.")
    ],
    second: Annotated[str | None, typer.Argument(metavar="B", help="NAME@VERSION, the newer one.")] = None,
    where: WhereOption = None,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write a page with numbers and photos.")
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", min=1, max=500, help="Changed products that the page shows.")
    ] = 24,
    as_json: JsonFlag = False,
) -> None:
    """Tell which products would get other labels, boxes, masks or neighbours if B served in place of A.

    Only stored answers are compared, over photos that both versions have done: nothing is computed anew. Labels count
    from their thresholds. --html writes one file that shows changed products, old against new.

    Examples: tagmill models diff shoes@2 --html diff.html

    tagmill models diff shoes@1 shoes@2 --where category=Boots
    """
    runtime = Runtime(settings())
    with err.status("comparing …"), snapshot(runtime.engine) as connection:
        compared = compare(
            connection, (first, second), filters.parse(where or ()), limit, with_examples=html is not None
        )
    if html:
        with replacing(html) as page, objects_with_progress(runtime) as objects:
            page.write(render(compared, objects))
    if as_json:
        versions = {
            "old": compared.pair.old.key,
            "new": compared.pair.new.key,
            "task": compared.pair.old.task,
        }
        told_of = {**versions, "photos": asdict(compared.photos), **asdict(compared.found)}
        print_json({**told_of, "html": html and str(html)})
        return
    _show(compared)
    if html:
        out.print(f"look at {escape(str(html))}", soft_wrap=True)
    elif _changes(compared):
        out.print("see them: [bold]--html diff.html[/bold]")


def _changes(compared: Compared) -> bool:
    found = compared.found
    return bool(found.changed) if isinstance(found, LabelDiff) else found.kept < found.neighbours


def _show(compared: Compared) -> None:
    versions, photos = compared.pair, compared.photos
    out.print(
        f"{versions.old.key} → {versions.new.key}: {photos.both:,} photos were done by both "
        f"({photos.old:,} and {photos.new:,})",
        soft_wrap=True,
    )
    if isinstance(compared.found, NeighbourDiff):
        _show_neighbours(compared.found)
    else:
        _show_labels(compared.found)


def _show_neighbours(found: NeighbourDiff) -> None:
    out.print(
        f"{found.kept:.1f} of {found.neighbours} nearest neighbours stay, over {found.sampled:,} photos among "
        f"{found.pool:,}",
        soft_wrap=True,
    )
    made = table("category", "#photos", "#neighbours that stay")
    for one in found.categories[:SHOWN]:
        made.add_row(escape(one.category or "–"), f"{one.sampled:,}", f"{one.kept:.1f}")
    out.print(made)


def _show_labels(found: LabelDiff) -> None:
    out.print(
        f"{found.changed:,} of {found.compared:,} products change ({found.changed / found.compared:.1%})"
    )
    if not found.changed:
        return
    categories = table("category", "#products", "#changed")
    for one in found.categories[:SHOWN]:
        categories.add_row(escape(one.category or "–"), f"{one.compared:,}", f"{one.changed:,}")
    flows = table("labels", "#times")
    for flow in found.flows[:SHOWN]:
        flows.add_row(escape(told(flow)), f"{flow.count:,}")
    out.print(categories)
    out.print(flows)
