"""`tagmill recommend shopper|product`: what to show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer
from rich.markup import escape

from catalog.recommend import for_shopper, goes_with, knows
from catalog.search.hits import Hit
from workers.cli.console import err, out, print_json, table
from workers.cli.options import JsonFlag
from workers.runtime import Runtime
from workers.settings import settings

recommend = typer.Typer(
    no_args_is_help=True, help="Recommend products for a shopper, or beside a product, with the reasons."
)

SizeOption = Annotated[int, typer.Option(min=1, max=100, help="At most so many products.")]


def register(app: typer.Typer) -> None:
    app.add_typer(recommend, name="recommend")


@recommend.command()
def shopper(
    shopper: Annotated[str, typer.Argument(help="The name that the shop tells interactions by.")],
    size: SizeOption = 20,
    as_json: JsonFlag = False,
) -> None:
    """What to show a shopper. One of whom nothing is known gets what is popular.

    Example: tagmill recommend shopper c-1042
    """
    with Runtime(settings()).engine.connect() as connection:
        known = knows(connection, shopper)
        hits = for_shopper(connection, shopper, size=size)
    if as_json:
        print_json({"shopper": shopper, "known": known, "hits": hits})
        return
    if not known:
        err.print(f"nothing is known of {escape(shopper)}: this is what is popular", soft_wrap=True)
    _show(hits)


@recommend.command()
def product(
    sku: Annotated[str, typer.Argument(help="A product's sku.")],
    size: SizeOption = 12,
    as_json: JsonFlag = False,
) -> None:
    """What goes with a product: of other categories, as shoppers took them together.

    Example: tagmill recommend product SHOE-17
    """
    with Runtime(settings()).engine.connect() as connection:
        hits = goes_with(connection, sku, size=size)
    if as_json:
        print_json({"sku": sku, "hits": hits})
    else:
        _show(hits)


def _show(hits: Sequence[Hit]) -> None:
    if not hits:
        err.print(
            "nothing yet: load what shoppers did, then run tagmill shoppers refresh (docs/recommend.md)"
        )
        return
    made = table("sku", "category", "title", "why")
    for hit in hits:
        cells = (hit.sku, hit.category or "–", hit.title or "–", "; ".join(hit.reasons))
        made.add_row(*(escape(cell) for cell in cells))
    out.print(made)
