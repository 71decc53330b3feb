"""What the grid is asked, as its address says it: words, facets, a photo with a box in it, or a product to be like."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal, InvalidOperation
from typing import Final
from urllib.parse import urlencode

from catalog.search.hits import Chosen
from workers.web.deps import Plain, Several, Short

FACETS: Final = {
    "category": "categories",
    "tag": "tags",
    "brand": "brands",
    "colour": "colours",
    "background": "backgrounds",
}
"""By the name in the address, the field of `Chosen`."""
PRICES: Final = ("price_from", "price_to")
SIDES: Final = ("left", "top", "right", "bottom")
Box = tuple[int, int, int, int]
"""Left, top, right and bottom in pixels of the photo that is searched by."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Immutable; its methods give what else may be asked from here. `after` is the cursor of a page.

    `trouble` says what of it was left aside, because it could not be read.
    """

    words: str = ""
    chosen: Chosen = field(default_factory=Chosen)
    photo: str = ""
    box: Box | None = None
    like: str = ""
    after: str | None = None
    trouble: str = ""

    @property
    def url(self) -> str:
        pairs = [*self.pairs(), *([("after", self.after)] if self.after else [])]
        return f"/?{urlencode(pairs)}" if pairs else "/"

    @property
    def chosen_count(self) -> int:
        return len(self.chosen_pairs())

    def pairs(self) -> list[tuple[str, str]]:
        """All but the cursor, for an address or a form."""
        found = [("q", self.words), ("photo", self.photo), ("like", self.like)]
        sides = zip(SIDES, map(str, self.box), strict=True) if self.box else ()
        return [*((name, text) for name, text in found if text), *sides, *self.chosen_pairs()]

    def chosen_pairs(self) -> list[tuple[str, str]]:
        values = [(name, value) for name, of in FACETS.items() for value in getattr(self.chosen, of)]
        prices = [(name, getattr(self.chosen, name)) for name in PRICES]
        return values + [(name, str(price)) for name, price in prices if price is not None]

    def pairs_without_prices(self) -> list[tuple[str, str]]:
        return [(name, text) for name, text in self.pairs() if name not in PRICES]

    def toggled(self, facet: str, value: str) -> Asked:
        """With a value of a facet if it is not chosen, else without it."""
        of = FACETS[facet]
        values: tuple[str, ...] = getattr(self.chosen, of)
        changed = tuple(one for one in values if one != value) if value in values else (*values, value)
        return self._with(**{of: changed})

    def without_price(self, name: str) -> Asked:
        return self._with(**{name: None})

    def next(self, after: str) -> Asked:
        return replace(self, after=after)

    def bare(self) -> Asked:
        """Without facets."""
        return replace(self, chosen=Chosen(), after=None)

    def without_box(self) -> Asked:
        return replace(self, box=None, after=None)

    def without_photo(self) -> Asked:
        return replace(self, photo="", box=None, after=None)

    def _with(self, **chosen: object) -> Asked:
        return replace(self, chosen=replace(self.chosen, **chosen), after=None)  # type: ignore[arg-type]


def asked(
    q: Plain = "",
    category: Several = [],  # noqa: B006 - FastAPI copies it
    tag: Several = [],  # noqa: B006
    brand: Several = [],  # noqa: B006
    colour: Several = [],  # noqa: B006
    background: Several = [],  # noqa: B006
    price_from: Short = "",
    price_to: Short = "",
    photo: Short = "",
    like: Short = "",
    left: Short = "",
    top: Short = "",
    right: Short = "",
    bottom: Short = "",
    after: Plain | None = None,
) -> Asked:
    """From an address, as FastAPI reads it."""
    (low, low_trouble), (high, high_trouble) = _price("from", price_from), _price("up to", price_to)
    box, box_trouble = _box(left, top, right, bottom) if photo else (None, "")
    if low is not None and high is not None and low > high:
        high, high_trouble = None, f"the price up to must be no less than the price from, {low}"
    chosen = Chosen(
        categories=_each(category),
        tags=_each(tag),
        brands=_each(brand),
        colours=_each(colour),
        backgrounds=_each(background),
        price_from=low,
        price_to=high,
    )
    trouble = low_trouble or high_trouble or box_trouble
    return Asked(q.strip(), chosen, photo, box, like, after or None, trouble)


def _each(values: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value for value in values if value))


def _price(which: str, text: str) -> tuple[Decimal | None, str]:
    if not text.strip():
        return None, ""
    try:
        price = Decimal(text.strip().replace(",", "."))
    except InvalidOperation:
        price = Decimal("NaN")
    if not price.is_finite() or not 0 <= price < 10**10:
        return None, f"the price {which} must be a number, such as 19.90"
    return price, ""


def _box(*sides: str) -> tuple[Box | None, str]:
    if not any(sides):
        return None, ""
    try:
        left, top, right, bottom = (int(side) for side in sides)
    except ValueError:
        return None, "a box has four whole numbers: left, top, right and bottom, in pixels"
    if not (0 <= left < right <= 100_000 and 0 <= top < bottom <= 100_000):
        return None, "a box's right must be beyond its left, and its bottom below its top, in the photo"
    return (left, top, right, bottom), ""
