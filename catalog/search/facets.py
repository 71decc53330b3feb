"""What one may choose among the products of a search, with how many products each value would show."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from catalog.search import ranking
from catalog.search import words as texts
from catalog.search.asking import ask
from catalog.search.chosen import where
from catalog.search.hits import Chosen, Facet, FacetValue

SAMPLE = 1000
"""Products of a search whose values are counted; of more, those that fit best, or the newest."""
MOST_VALUES = 50
NAMES = ("categories", "tags", "brands", "colours", "backgrounds")
PRICES = ("price_from", "price_to")


def facets(connection: sa.Connection, words: str, chosen: Chosen) -> tuple[Facet, ...]:
    """Categories, tags, brands, colours and backgrounds with counts, then the lowest and the highest price.

    Each is counted beside what is chosen in the others. A defect that a classifier or a person tags is a tag. Facets
    without any value are left out. Raises BadQuery.
    """
    typed = texts.query(words)
    without = [name for name in (*NAMES, *PRICES) if getattr(chosen, name)]
    everything = _products(connection, words, typed, chosen, None)
    found = []
    for name in (*NAMES, *PRICES):
        products = _products(connection, words, typed, chosen, name) if name in without else everything
        count = _counted if name in NAMES else _price
        found.append(count(connection, name, products, getattr(chosen, name)))
    return tuple(facet for facet in found if facet.values)


def _products(
    connection: sa.Connection, words: str, typed: Sequence[str], chosen: Chosen, without: str | None
) -> list[int]:
    condition = where(connection, chosen, without)
    if not words.strip():
        query = sa.text(f"SELECT p.id FROM products p WHERE {condition.sql} ORDER BY p.id DESC LIMIT :sample")
        return list(connection.scalars(query, {**condition.parameters, "sample": SAMPLE}))
    asked = ask(connection, typed, None)
    found = ranking.by_words(connection, asked, condition, SAMPLE)
    found += ranking.by_tags(connection, asked.named, condition, SAMPLE)
    return list(dict.fromkeys(found))[:SAMPLE]


def _counted(connection: sa.Connection, name: str, products: Sequence[int], chosen: Sequence[str]) -> Facet:
    parameters = {"ids": list(products), "most": MOST_VALUES, "chosen": list(chosen)}
    rows = connection.execute(_COUNTS[name], parameters).all()
    values = tuple(FacetValue(row.value, row.products, row.value in chosen) for row in rows)
    return Facet(name, values, complete=len(products) < SAMPLE)


def _price(connection: sa.Connection, name: str, products: Sequence[int], chosen: Decimal | None) -> Facet:
    row: Any = connection.execute(_PRICE, {"ids": products}).one()
    value = row.lowest if name == "price_from" else row.highest
    values = (
        () if value is None else (FacetValue(f"{value.normalize():f}", row.products, chosen is not None),)
    )
    return Facet(name, values, complete=len(products) < SAMPLE)


def _of_product(column: str) -> str:
    return f"SELECT id AS product_id, {column} AS value FROM products WHERE id = ANY(CAST(:ids AS bigint[]))"


def _of_view(view: str, column: str) -> str:
    return f"SELECT product_id, {column} AS value FROM {view} WHERE product_id = ANY(CAST(:ids AS bigint[]))"


# What is chosen is shown, however few products have it.
_COUNT = """
    SELECT value, count(DISTINCT product_id) AS products FROM ({source}) found WHERE value <> '' GROUP BY value
    ORDER BY value = ANY(CAST(:chosen AS text[])) DESC, products DESC, value LIMIT :most
"""
_COUNTS = {
    name: sa.text(_COUNT.format(source=source))
    for name, source in {
        "categories": _of_product("category"),
        "tags": _of_view("product_tags", "label"),
        "brands": _of_product("brand"),
        "colours": _of_view("product_facts", "colour"),
        "backgrounds": _of_view("product_facts", "background"),
    }.items()
}

_PRICE = sa.text(
    """
    SELECT min(price) AS lowest, max(price) AS highest, count(price) AS products FROM products
    WHERE id = ANY(CAST(:ids AS bigint[]))
    """
)
