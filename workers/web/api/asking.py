"""How a search is narrowed in an address."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from fastapi import Depends, Query

from catalog.search.cursor import LARGEST_PAGE
from catalog.search.hits import Chosen
from workers.web.deps import Plain, Short

MOST_VALUES = 50

_Several = Annotated[list[Short], Query(max_length=MOST_VALUES)]
_Price = Annotated[Decimal | None, Query(ge=0, lt=10**10, max_digits=14, decimal_places=4)]


def _chosen(
    category: _Several = [],  # noqa: B006 - FastAPI copies it
    tag: _Several = [],  # noqa: B006
    brand: _Several = [],  # noqa: B006
    colour: _Several = [],  # noqa: B006
    background: _Several = [],  # noqa: B006
    price_from: _Price = None,
    price_to: _Price = None,
) -> Chosen:
    values = (tuple(each) for each in (category, tag, brand, colour, background))
    return Chosen(*values, price_from, price_to)


Facets = Annotated[Chosen, Depends(_chosen)]
"""Facets that are chosen: values of one are alternatives, all facets hold."""
Words = Annotated[Plain, Query(description="Words, or a sku; empty: the newest products")]
Size = Annotated[int, Query(ge=1, le=LARGEST_PAGE)]
After = Annotated[Plain | None, Query(description="As the page before gave it: `after` of the same question")]
