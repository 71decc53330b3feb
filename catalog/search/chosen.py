"""Facets that are chosen, as SQL on `products p`. Values are parameters, always."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

import sqlalchemy as sa

from catalog.errors import BadQuery
from catalog.search import tags
from catalog.search.hits import Chosen
from catalog.search.statements import ids

FEW = 1000
"""Products up to which they are looked up one by one, and all compared with a vector."""
LARGEST_PRICE = Decimal(10) ** 10

_INDEXED = {
    "categories": "p.category = ANY(CAST(:categories AS text[]))",
    "brands": "p.brand = ANY(CAST(:brands AS text[]))",
    "price_from": "p.price >= :price_from",
    "price_to": "p.price <= :price_to",
}
_LOOKED_UP = {
    "colours": """EXISTS (SELECT FROM product_facts f
                          WHERE f.product_id = p.id AND f.colour = ANY(CAST(:colours AS text[])))""",
    "backgrounds": """EXISTS (SELECT FROM product_facts f
                              WHERE f.product_id = p.id AND f.background = ANY(CAST(:backgrounds AS text[])))""",
}


@dataclass(frozen=True, slots=True)
class Where:
    """Conditions on `products p`, `true` where nothing is chosen, and their parameters.

    `own` is of a product's own row, `looked_up` of its photos: that costs some microseconds a product, so it comes
    last. `ids` are the products that are meant, where they are at most `FEW`.
    """

    own: str = "true"
    looked_up: str = "true"
    parameters: Mapping[str, object] = field(default_factory=dict)
    ids: Sequence[int] | None = None

    @property
    def sql(self) -> str:
        return f"{self.own} AND {self.looked_up}"

    @property
    def tags(self) -> Sequence[str]:
        """Those that are chosen, of which a product has one."""
        chosen = self.parameters.get("tags")
        return chosen if isinstance(chosen, list) else ()

    @property
    def any(self) -> bool:
        """Whether every product is meant."""
        return not self.parameters


def where(connection: sa.Connection, chosen: Chosen, without: str | None = None) -> Where:
    """What `chosen` (see `known.as_known`) asks for, but for the facet `without`. Raises BadQuery."""
    _check_prices(chosen)
    values = {name: _plain(getattr(chosen, name)) for name in (*_INDEXED, *_LOOKED_UP, "tags")}
    asked = {name: value for name, value in values.items() if value not in (None, []) and name != without}
    own = [sql for name, sql in _INDEXED.items() if name in asked]
    looked_up = [sql for name, sql in _LOOKED_UP.items() if name in asked]
    if asked.pop("tags", None):
        wanted = tags.cuts(connection, chosen.tags)
        looked_up.append(tags.HAS)
        asked |= wanted.parameters
        if tags.are_rare(connection, wanted, FEW):
            own.append("p.id = ANY(CAST(:rare AS bigint[]))")
            asked["rare"] = tags.surest(connection, wanted, FEW)
    found = Where(" AND ".join(own) or "true", " AND ".join(looked_up) or "true", asked)
    return _few(connection, found) or found


def _few(connection: sa.Connection, condition: Where) -> Where | None:
    """The products themselves, where they are few. Postgres is asked what it expects before any are read."""
    if condition.any:
        return None
    query = f"SELECT p.id FROM products p WHERE {condition.sql} LIMIT {FEW + 1}"
    plan = connection.scalar(sa.text(f"EXPLAIN (FORMAT JSON) {query}"), condition.parameters)
    if plan[0]["Plan"]["Plan Rows"] > FEW:
        return None
    found = ids(connection, sa.text(query), condition.parameters)
    return (
        Where("p.id = ANY(CAST(:ids AS bigint[]))", "true", {"ids": found}, found)
        if len(found) <= FEW
        else None
    )


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def _check_prices(chosen: Chosen) -> None:
    low, high = chosen.price_from, chosen.price_to
    for name, price in (("price_from", low), ("price_to", high)):
        if price is not None and not (price.is_finite() and 0 <= price <= LARGEST_PRICE):
            raise BadQuery(f"{name} is {price}; write a number from 0 to {LARGEST_PRICE:,}")
    if low is not None and high is not None and low > high:
        raise BadQuery(f"price_from is {low} and price_to {high}: no price is between; swap them")
