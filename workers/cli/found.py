"""What a search found, as tables and lines for people."""

from __future__ import annotations

from decimal import Decimal

from rich.markup import escape

from catalog.search import Facet, Page
from catalog.search.cursor import LARGEST_PAGE
from catalog.search.facets import PRICES
from workers.cli.console import out, table

OPTIONS = {
    "categories": "category",
    "tags": "tag",
    "brands": "brand",
    "colours": "colour",
    "backgrounds": "background",
}
"""By a facet's name the option that chooses one of its values."""


def show(page: Page, size: int, *, with_scores: bool) -> None:
    """Scores are shown where they are cosines; others only tell the order."""
    if not page.hits:
        out.print("nothing was found")
        return
    made = table("sku", "title", "brand", "#price", *(["#alike"] if with_scores else []), "why")
    for hit in page.hits:
        price = "" if hit.price is None else f"{hit.price:,.2f} {hit.currency or ''}".strip()
        texts = (hit.sku, hit.title or "–", hit.brand or "–", price)
        scores = [f"{hit.score:.2f}"] if with_scores else []
        made.add_row(*map(escape, texts), *scores, escape("; ".join(hit.reasons)))
    out.print(made)
    if page.after:
        more = "the next page is asked for with the `after` that --json gives"
        out.print(f"there are more: --size {2 * size} shows them" if 2 * size <= LARGEST_PAGE else more)


def show_facets(facets: tuple[Facet, ...]) -> None:
    prices = {facet.name: facet.values[0].value for facet in facets if facet.name in PRICES}
    for facet in facets:
        if facet.name in PRICES:
            continue
        values = ", ".join(f"{value.value} ({value.count:,})" for value in facet.values[:12])
        about = "" if facet.complete else ", of a sample"
        out.print(f"[bold]{OPTIONS[facet.name]}[/bold]{about}: {escape(values)}", soft_wrap=True)
    if prices:
        low, high = (Decimal(prices[name]) for name in PRICES)
        out.print(f"[bold]price[/bold]: {low:,.2f} to {high:,.2f}")
