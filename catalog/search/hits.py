"""What a search is asked and what it answers: plain values, for the command line, the API and the pages alike."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Chosen:
    """Facets that are chosen: values of one facet are alternatives, all facets hold. Empty means any."""

    categories: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    brands: tuple[str, ...] = ()
    colours: tuple[str, ...] = ()
    backgrounds: tuple[str, ...] = ()
    price_from: Decimal | None = None
    price_to: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Hit:
    """A product that was found. `image_id` and `object_key` are of the photo to show, if it has one.

    `score` grows with the fit and compares within one answer only; `reasons` say in short sentences why it is here.
    """

    product_id: int
    sku: str
    title: str | None
    brand: str | None
    category: str | None
    price: Decimal | None
    currency: str | None
    image_id: int | None
    object_key: str | None
    score: float
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """Hits, best first. `after` asks for the next page and is None on the last; it stays true while rows are added."""

    hits: tuple[Hit, ...]
    after: str | None


@dataclass(frozen=True, slots=True)
class FacetValue:
    """A value with the products it would show, beside what is chosen in other facets."""

    value: str
    count: int
    chosen: bool


@dataclass(frozen=True, slots=True)
class Facet:
    """`name` is a field of `Chosen`; values with most products first. `complete`: counts are of all, not of a
    sample.
    """

    name: str
    values: tuple[FacetValue, ...]
    complete: bool
