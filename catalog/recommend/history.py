"""What a shopper did of late, product by product, as weights."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from catalog.recommend.weights import counts

_ACTS, _PRODUCTS = 500, 50  # the newest acts, and the products of most weight among them
INTERESTS, _OF_INTEREST = 4, 5

_DONE = {"purchase": "you bought", "cart": "you put in the cart", "view": "you looked at"}


@dataclass(frozen=True, slots=True)
class Seed:
    """A product that the shopper dealt with; `done` is the strongest thing, `weight` fades with time."""

    product_id: int
    sku: str
    category: str | None
    weight: float
    done: str

    @property
    def because(self) -> str:
        return f"because {_DONE[self.done]} {self.sku}"


@dataclass(frozen=True, slots=True)
class Interest:
    """Products of a category that the shopper dealt with, the weightiest first; `share` is of the largest interest."""

    seeds: tuple[Seed, ...]
    share: float


def history(connection: sa.Connection, shopper: str) -> tuple[Seed, ...]:
    """The weightiest first; read from the rows themselves, so an act counts as soon as it is committed."""
    return tuple(Seed(*row) for row in connection.execute(_HISTORY, {"shopper": shopper}))


def bought_families(connection: sa.Connection, shopper: str) -> frozenset[str]:
    """Of all products the shopper ever bought, the sku that their variants share."""
    return frozenset(connection.scalars(_BOUGHT, {"shopper": shopper}))


def interests(seeds: Sequence[Seed]) -> tuple[Interest, ...]:
    """The largest few. One mean over all of a shopper's tastes would lie between them, where nothing is.

    After PinnerSage (arXiv 2007.03634), whose clusters are categories here.
    """
    groups: defaultdict[str | None, list[Seed]] = defaultdict(list)
    for seed in seeds:
        groups[seed.category].append(seed)
    weights = {category: sum(seed.weight for seed in group) for category, group in groups.items()}
    largest = sorted(groups, key=lambda category: -weights[category])[:INTERESTS]
    return tuple(
        Interest(tuple(groups[name][:_OF_INTEREST]), weights[name] / weights[largest[0]]) for name in largest
    )


_HISTORY = sa.text(
    f"""
    SELECT p.id, p.sku, p.category, sum({counts("i", "now()")}) AS weight,
           CASE WHEN bool_or(i.kind = 'purchase') THEN 'purchase' WHEN bool_or(i.kind = 'cart') THEN 'cart'
                ELSE 'view' END AS done
    FROM (
        SELECT product_id, kind, happened_at FROM interactions WHERE shopper = :shopper
        ORDER BY happened_at DESC LIMIT {_ACTS}
    ) i JOIN products p ON p.id = i.product_id
    GROUP BY p.id ORDER BY weight DESC, p.id LIMIT {_PRODUCTS}
    """
)

_BOUGHT = sa.text(
    """
    SELECT DISTINCT coalesce(p.parent_sku, p.sku) FROM interactions i JOIN products p ON p.id = i.product_id
    WHERE i.shopper = :shopper AND i.kind = 'purchase'
    """
)
