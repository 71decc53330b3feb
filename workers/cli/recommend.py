"""`tagmill recommend shopper|product`: what to show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer
from rich.markup import escape

from catalog.recommend import for_shopper, goes_with, knows, why_nothing
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
        err.print(
            f"nothing is known of {escape(shopper)}: what is popular comes first, then what is new",
            soft_wrap=True,
        )
    _show(hits, "there is no product with a photo to show: tagmill ingest")


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
        nothing = "" if hits else why_nothing(connection, sku)
    if as_json:
        print_json({"sku": sku, "hits": hits})
    else:
        _show(hits, nothing)


def _show(hits: Sequence[Hit], nothing: str) -> None:
    if not hits:
        err.print(escape(nothing), soft_wrap=True)
        return
    made = table("sku", "category", "title", "brand", "#price", "why")
    for hit in hits:
        price = "–" if hit.price is None else f"{hit.price:,.2f} {hit.currency or ''}".rstrip()
        names = (hit.category or "–", hit.title or "–", hit.brand or "–")
        cells = (hit.sku, *names, price, "; ".join(hit.reasons))
        made.add_row(*(escape(cell) for cell in cells))
    out.print(made)
