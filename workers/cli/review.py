"""`tagmill review queue|accept|reject|relabel|forget|dismiss`: people look at what models said, and decide."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from shlex import quote
from typing import Annotated

import sqlalchemy as sa
import typer
from rich.markup import escape
from rich.progress import track

from catalog import filters
from catalog import review as catalog_review
from catalog.filters import Filter
from catalog.review import Decided, Decision, Kind, ReviewItem, bulk
from workers.cli.console import err, out, print_json, table
from workers.cli.options import AuthorOption, JsonFlag, WhereOption
from workers.runtime import Runtime
from workers.settings import settings

BATCH = 10_000

review = typer.Typer(
    no_args_is_help=True,
    help="See what is worth a person's look; accept, reject and correct labels, one by one or in bulk.",
)

LabelArgument = Annotated[str, typer.Argument(help="A label, as the model writes it.")]
SkusArgument = Annotated[list[str] | None, typer.Argument(metavar="[SKU]...", help="Products.")]
DryRunFlag = Annotated[bool, typer.Option("--dry-run", help="Count what would change, and change nothing.")]

Meant = Callable[[sa.Connection, Filter], list[str]]
Decisions = Callable[[str], Sequence[Decision]]


def register(app: typer.Typer) -> None:
    app.add_typer(review, name="review")


@review.command()
def queue(
    kind: Annotated[Kind, typer.Argument(help="Which queue.")],
    size: Annotated[int, typer.Option(min=1, max=1000, help="How many items.")] = 24,
    after: Annotated[
        str | None, typer.Option(help="Go on behind this place, as the page before told.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """List products that are most worth a look.

    uncertain: scores close to their cut-off, the closest first. disagreeing: photos of a product show different things,
    the newest product first. mismatch: feed and photos say different things, the surest photos first.

    Example: tagmill review queue mismatch --size 10
    """
    with Runtime(settings()).engine.connect() as connection:
        page = catalog_review.queue(connection, kind, size=size, after=after)
    if as_json:
        print_json(page)
        return
    made = table("sku", "label", "#score", "or", "why it is here")
    for item in page.items:
        made.add_row(*_row(item))
    out.print(made if page.items else "nothing to review here")
    if page.after:
        out.print(f"go on: tagmill review queue {kind.value} --after {page.after}", soft_wrap=True)


@review.command()
def accept(
    label: LabelArgument,
    author: AuthorOption,
    skus: SkusArgument = None,
    where: WhereOption = None,
    dry_run: DryRunFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Say that products have a label, whatever a model says.

    Examples: tagmill review accept Dress SKU-1 SKU-2 --author anna

    tagmill review accept Dress --where 'category=Dresses' --author anna --dry-run
    """
    _decide(lambda sku: [Decision(sku, label, True)], skus, where, bulk.meant, author, dry_run, as_json)


@review.command()
def reject(
    label: LabelArgument,
    author: AuthorOption,
    skus: SkusArgument = None,
    where: WhereOption = None,
    dry_run: DryRunFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Turn a label of products down. With --where: of those that show it now.

    Example: tagmill review reject Dress --where 'category=Shoes' --author anna
    """
    _decide(lambda sku: [Decision(sku, label, False)], skus, where, _showing(label), author, dry_run, as_json)


@review.command()
def relabel(
    wrong: Annotated[str, typer.Argument(help="The label that products have not.")],
    right: Annotated[str, typer.Argument(help="The label that they have.")],
    author: AuthorOption,
    skus: SkusArgument = None,
    where: WhereOption = None,
    dry_run: DryRunFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Turn one label of products down and accept another, in one transaction. With --where: of those that show it now.

    Example: tagmill review relabel Dress Shirt SKU-1 --author anna
    """
    _decide(
        lambda sku: catalog_review.relabelled(sku, wrong, right),
        *(skus, where, _showing(wrong), author, dry_run, as_json),
    )


@review.command()
def forget(
    label: LabelArgument,
    author: AuthorOption,
    skus: SkusArgument = None,
    where: WhereOption = None,
    dry_run: DryRunFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Take back what people said of a label of products: the models' word counts again.

    Example: tagmill review forget Dress SKU-1 --author anna
    """
    _decide(lambda sku: [Decision(sku, label, None)], skus, where, bulk.meant, author, dry_run, as_json)


@review.command()
def dismiss(
    sku: Annotated[str, typer.Argument(help="A product.")],
    author: AuthorOption,
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="Only the mismatch with this model.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Let mismatches between a product's feed and photos stand, until feed or photos say something else.

    Example: tagmill review dismiss SKU-1 --author anna
    """
    with Runtime(settings()).engine.begin() as connection:
        count = catalog_review.dismiss(connection, sku, author, model=model)
    if as_json:
        print_json({"dismissed": count})
    else:
        out.print(f"{count} mismatches dismissed" if count else "feed and photos say nothing different here")


def _showing(label: str) -> Meant:
    return lambda connection, products: bulk.showing(connection, products, label)


def _decide(
    decisions: Decisions,
    skus: Sequence[str] | None,
    where: Sequence[str] | None,
    meant: Meant,
    author: str,
    dry_run: bool,
    as_json: bool,
) -> None:
    """All of it in one transaction, which a dry run takes back."""
    if not skus and not where:
        raise typer.BadParameter("name products by their skus, or give a condition with --where")
    if skus and where:
        raise typer.BadParameter("name products, or give a condition with --where, not both")
    products = filters.parse(where or ())
    with Runtime(settings()).engine.connect() as connection:
        chosen = list(skus) if skus else meant(connection, products)
        done = _written(connection, [one for sku in chosen for one in decisions(sku)], author)
        accepted = [one.label for one in (decisions(chosen[0]) if chosen else ()) if one.accepted]
        beside = [pair for label in accepted for pair in bulk.shown_beside(connection, chosen, label)]
        if not dry_run:
            connection.commit()
    if as_json:
        print_json({"products": len(chosen), **asdict(done), "dry_run": dry_run})
        return
    counts = f"{done.new:,} new, {done.changed:,} changed, {done.withdrawn:,} taken back, {done.same:,} known before"
    out.print(f"{len(chosen):,} products: {counts}{'; nothing was written' if dry_run else ''}")
    if beside:
        _hint(beside)


def _hint(beside: Sequence[tuple[str, str]]) -> None:
    """A classifier's labels exclude each other, so a product that shows two is worth a look."""
    sku, other = beside[0]
    told = f"{sku} shows {other} as well; if wrong: tagmill review reject {quote(other)} {quote(sku)} --author NAME"
    more = f" ({len(beside) - 1:,} more labels like this)" if len(beside) > 1 else ""
    err.print(f"[yellow]note[/yellow] {escape(told + more)}", soft_wrap=True)


def _written(connection: sa.Connection, decisions: Sequence[Decision], author: str) -> Decided:
    done = Decided(0, 0, 0, 0)
    starts = range(0, max(len(decisions), 1), BATCH)
    for start in track(starts, "deciding", console=err, transient=True, disable=len(starts) == 1):
        done += catalog_review.decide(connection, decisions[start : start + BATCH], author)
    return done


def _row(item: ReviewItem) -> tuple[str, ...]:
    score = item.confidence if item.score is None else item.score
    others = ", ".join(f"{one.label} {one.score:.2f}" for one in item.alternatives[:2])
    return (
        escape(item.sku),
        escape(item.label or item.photo or ""),
        "–" if score is None else f"{score:.2f}",
        escape(others),
        escape(item.reason),
    )
