"""How a search is narrowed in an address."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from fastapi import Depends, Query

from catalog.search.cursor import LARGEST_PAGE
from catalog.search.hits import Chosen
from workers.web.deps import Plain, Several

_Price = Annotated[Decimal | None, Query(ge=0, lt=10**10, max_digits=14, decimal_places=4)]


def _chosen(
    category: Several = [],  # noqa: B006 - FastAPI copies it
    tag: Several = [],  # noqa: B006
    brand: Several = [],  # noqa: B006
    colour: Several = [],  # noqa: B006
    background: Several = [],  # noqa: B006
    price_from: _Price = None,
    price_to: _Price = None,
) -> Chosen:
    return Chosen(
        categories=tuple(category),
        tags=tuple(tag),
        brands=tuple(brand),
        colours=tuple(colour),
        backgrounds=tuple(background),
        price_from=price_from,
        price_to=price_to,
    )


Facets = Annotated[Chosen, Depends(_chosen)]
"""Facets that are chosen: values of one are alternatives, all facets hold."""
Words = Annotated[Plain, Query(description="Words, or a sku; empty: the newest products")]
Size = Annotated[int, Query(ge=1, le=LARGEST_PAGE)]
After = Annotated[Plain | None, Query(description="As the page before gave it: `after` of the same question")]
