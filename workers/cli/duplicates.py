"""`tagmill duplicates find|list|accept|reject`: photos that look the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated

import typer
from rich.markup import escape
from rich.progress import Progress

from catalog import near_duplicates
from catalog.near_duplicates import Found, Group
from catalog.near_duplicates.decide import Verdict
from catalog.near_duplicates.groups import State
from workers.cli.console import err, out, print_json, table
from workers.cli.options import JsonFlag
from workers.runtime import Runtime
from workers.settings import settings

NAMED = 3

duplicates = typer.Typer(
    no_args_is_help=True, help="Find photos that look the same, and decide what becomes of them."
)

GroupArgument = Annotated[int, typer.Argument(min=1, metavar="GROUP", help="A group's number, see `list`.")]
AuthorOption = Annotated[str, typer.Option(help="Whose word it is.")]
PhotoOption = Annotated[
    int | None,
    typer.Option(
        "--photo", min=1, help="Only pairs of this photo, decided before or not; default: all undecided."
    ),
]


def register(app: typer.Typer) -> None:
    app.add_typer(duplicates, name="duplicates")


@duplicates.command()
def find(as_json: JsonFlag = False) -> None:
    """Compare photos that are new since the last run with all photos.

    Crops, recompressions, resizes and recolourings of a photo are found by its fingerprint and its embedding, so both
    models must have seen it. Killed anywhere, run it again: it goes on.

    Example: tagmill duplicates find
    """
    with Progress(
        *Progress.get_default_columns(), console=err, transient=True, disable=not err.is_terminal
    ) as bar:
        task = bar.add_task("photos", total=None)

        def show(found: Found) -> None:
            bar.update(task, total=max(found.total, found.photos), completed=found.photos)

        found = near_duplicates.find(Runtime(settings()).engine, on_progress=show)
    if as_json:
        print_json({"photos": found.photos, "pairs": found.pairs})
        return
    out.print(f"{found.photos:,} photos compared, {found.pairs:,} new pairs")
    if found.pairs:
        out.print("next: [bold]tagmill duplicates list[/bold]")


@duplicates.command("list")
def list_(
    state: Annotated[State, typer.Option("--state", help="Which pairs are shown.")] = State.OPEN,
    after: Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Begin behind this group.")] = 0,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="Groups shown.")] = 20,
    as_json: JsonFlag = False,
) -> None:
    """Groups of photos that look the same; open ones are those that nobody decided.

    Example: tagmill duplicates list --state accepted --limit 50
    """
    with Runtime(settings()).engine.connect() as connection:
        found = near_duplicates.groups(connection, state, size=limit, after=after)
    if as_json:
        print_json(asdict(found))
        return
    if not found.groups:
        out.print(f"no {state} groups; `tagmill duplicates find` looks for them")
        return
    made = table("#group", "#photo", "size", "products", "#bits apart", "#similarity")
    for group in found.groups:
        for row in _rows(group):
            made.add_row(*row)
    out.print(made)
    if found.after is not None:
        out.print(f"more: [bold]tagmill duplicates list --state {state} --after {found.after}[/bold]")


@duplicates.command()
def accept(
    group: GroupArgument, author: AuthorOption, photo: PhotoOption = None, as_json: JsonFlag = False
) -> None:
    """Say that the photos of a group are the same.

    Example: tagmill duplicates accept 17 --author anna
    """
    _decide(group, "accepted", author, photo, as_json)


@duplicates.command()
def reject(
    group: GroupArgument, author: AuthorOption, photo: PhotoOption = None, as_json: JsonFlag = False
) -> None:
    """Say that the photos of a group, or one of them and the others, are not the same; a later run keeps to it.

    Example: tagmill duplicates reject 17 --photo 23 --author anna
    """
    _decide(group, "rejected", author, photo, as_json)


def _decide(group: int, verdict: Verdict, author: str, photo: int | None, as_json: bool) -> None:
    with Runtime(settings()).engine.begin() as connection:
        pairs = near_duplicates.decide(connection, group, verdict, author, photo=photo)
    if as_json:
        print_json({"group": group, "verdict": verdict, "pairs": pairs})
    elif pairs:
        out.print(f"group {group}: {pairs:,} pair{'s' if pairs > 1 else ''} {verdict}")
    else:
        out.print(f"group {group} has nothing undecided; --photo decides the pairs of one photo anew")


def _rows(group: Group) -> Iterator[tuple[str, ...]]:
    """A row for each photo; what is said of the group as a whole stands in the first."""
    whole = (str(group.group_id), str(group.distance), f"{group.similarity:.3f}")
    for one in group.members:
        left = len(one.skus) - NAMED
        skus = ", ".join(one.skus[:NAMED]) + (f" and {left} more" if left > 0 else "")
        number, apart, similarity = whole
        yield number, str(one.image_id), f"{one.width} x {one.height}", escape(skus or "–"), apart, similarity
        whole = ("", "", "")
