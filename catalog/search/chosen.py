"""Facets that are chosen, as SQL on `products p`. Values are parameters, always."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import sqlalchemy as sa

from catalog.errors import BadQuery
from catalog.search import tags
from catalog.search.hits import Chosen
from catalog.search.words import check

MOST_VALUES = 100
RARE = 1000
"""Products with a tag, up to which it is rare."""
LARGEST_PRICE = Decimal(10) ** 10

_HAS = {
    "categories": "p.category = ANY(CAST(:categories AS text[]))",
    "brands": "p.brand = ANY(CAST(:brands AS text[]))",
    "colours": """EXISTS (SELECT FROM product_facts f
                          WHERE f.product_id = p.id AND f.colour = ANY(CAST(:colours AS text[])))""",
    "backgrounds": """EXISTS (SELECT FROM product_facts f
                              WHERE f.product_id = p.id AND f.background = ANY(CAST(:backgrounds AS text[])))""",
}
_PRICES = {"price_from": "p.price >= :price_from", "price_to": "p.price <= :price_to"}


@dataclass(frozen=True, slots=True)
class Where:
    """A condition on `products p`, `true` where nothing is chosen, and its parameters."""

    sql: str
    parameters: dict[str, object]

    @property
    def any(self) -> bool:
        """Whether every product is meant."""
        return not self.parameters


def where(connection: sa.Connection, chosen: Chosen, without: str | None = None) -> Where:
    """What `chosen` asks for, but for the facet `without`. Raises BadQuery."""
    parts: list[str] = []
    parameters: dict[str, object] = {}
    for name, sql in _HAS.items():
        values: tuple[str, ...] = getattr(chosen, name)
        _check_values(name, values)
        if values and name != without:
            parts.append(sql)
            parameters[name] = list(values)
    _check_values("tags", chosen.tags)
    if chosen.tags and without != "tags":
        sql, of_tags = _tagged(connection, chosen.tags)
        parts.append(sql)
        parameters |= of_tags
    for name, sql in _PRICES.items():
        price: Decimal | None = getattr(chosen, name)
        _check_price(name, price)
        if price is not None and name != without:
            parts.append(sql)
            parameters[name] = price
    return Where(" AND ".join(parts) or "true", parameters)


def _tagged(connection: sa.Connection, labels: tuple[str, ...]) -> tuple[str, dict[str, object]]:
    """Of a rare tag the products themselves, so that nothing looks for them one by one; else what to look at."""
    wanted = tags.cuts(connection, labels)
    rare = tags.surest(connection, wanted, "true", {}, RARE + 1)
    if len(rare) <= RARE:
        return "p.id = ANY(CAST(:tagged AS bigint[]))", {"tagged": rare}
    return tags.HAS, wanted.parameters


def few(connection: sa.Connection, condition: Where, limit: int) -> bool:
    """Whether Postgres expects that at most `limit` products are meant. Nothing is counted: that could take long."""
    if condition.any:
        return False
    explain = sa.text(f"EXPLAIN (FORMAT JSON) SELECT p.id FROM products p WHERE {condition.sql}")
    plan = connection.scalar(explain, condition.parameters)
    return bool(plan[0]["Plan"]["Plan Rows"] <= limit)


def _check_values(name: str, values: tuple[str, ...]) -> None:
    if len(values) > MOST_VALUES:
        raise BadQuery(f"{len(values):,} {name} are chosen; choose at most {MOST_VALUES}")
    for value in values:
        check(value, f"the {name}")


def _check_price(name: str, price: Decimal | None) -> None:
    if price is not None and not (price.is_finite() and 0 <= price <= LARGEST_PRICE):
        raise BadQuery(f"{name} is {price}; write a number from 0 to {LARGEST_PRICE:,}")
