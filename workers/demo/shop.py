"""The invented shop of the demo: brands, titles, prices, categories. Nothing in a title tells what the product is.

Its category does, as in any feed, and of a few products it is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import numpy as np

CURRENCY = "EUR"

# A brand, and the product types (indices of Fashion-MNIST's labels) that it mostly sells.
BRANDS: dict[str, tuple[int, ...]] = {
    "Aldermoor": (2, 4, 6),
    "Brackwell & Finch": (1, 4, 6),
    "Cinderlane": (0, 1, 7),
    "Dovetail Row": (3, 5, 8),
    "Eastmarl": (7, 9),
    "Fernhythe": (0, 2, 3),
    "Grey Heron Supply": (4, 8, 9),
    "Hollin": (5, 7, 8),
}
_NAMES = (
    "Aster", "Bracken", "Cove", "Dune", "Ember", "Fjord", "Gale", "Harbour", "Isle", "Juniper", "Kestrel", "Larch",
    "Meadow", "Nettle", "Orchard", "Pebble", "Quarry", "Reed", "Sable", "Tide", "Umber", "Vale", "Willow", "Yarrow",
)  # fmt: skip
# Typical price of each product type.
_PRICES = (19, 49, 45, 69, 139, 39, 39, 79, 89, 119)
_FAVOURED = 6.0
CATEGORIES = (
    "T-shirts", "Trousers", "Pullovers", "Dresses", "Coats", "Shoes", "Shirts", "Shoes", "Bags", "Shoes",
)  # fmt: skip
"""The shop's category of each product type."""
# Each so-manieth product is filed under another type's category, for the queue of mismatches to find.
_MISFILED_EVERY, _MISFILED_FIRST, _MISFILED_AS = 100, 41, 3


@dataclass(frozen=True, slots=True)
class Listing:
    """A product as the shop's feed describes it. A display of several products has no category and no price."""

    sku: str
    title: str
    brand: str
    category: str | None = None
    price: Decimal | None = None


def product(number: int, label: int) -> Listing:
    """The listing of the `number`-th product (from 0) of this type; always the same one."""
    rng = np.random.default_rng((1708, number))
    weights = np.array([_FAVOURED if label in favoured else 1.0 for favoured in BRANDS.values()])
    brand = list(BRANDS)[int(rng.choice(len(BRANDS), p=weights / weights.sum()))]
    title = f"{_NAMES[int(rng.integers(len(_NAMES)))]} {int(rng.integers(100, 1000))}"
    price = round(_PRICES[label] * float(rng.lognormal(0.0, 0.25))) - Decimal("0.10")
    return Listing(f"DEMO-{number + 1:04}", title, brand, _category(number, label), price)


def _category(number: int, label: int) -> str:
    if number % _MISFILED_EVERY != _MISFILED_FIRST:
        return CATEGORIES[label]
    return next(
        other for other in CATEGORIES[label + _MISFILED_AS :] + CATEGORIES if other != CATEGORIES[label]
    )


def display(number: int) -> Listing:
    """The listing of the `number`-th shelf (from 0), which shows several products."""
    brand = list(BRANDS)[number % len(BRANDS)]
    return Listing(f"DEMO-SHELF-{number + 1:03}", f"Display {number + 1}, {brand}", brand)
