"""Products that a bulk decision is about: those that a condition names."""

from __future__ import annotations

import sqlalchemy as sa

from catalog.errors import BadFilter
from catalog.filters import Filter


def meant(connection: sa.Connection, products: Filter) -> list[str]:
    """Skus of the products for which the conditions hold, in order. Raises BadFilter where there is none."""
    where, parameters = _where(products)
    query = f'SELECT p.sku FROM products p WHERE {where} ORDER BY p.sku COLLATE "C"'
    return list(connection.scalars(sa.text(query), parameters))


def showing(connection: sa.Connection, products: Filter, label: str) -> list[str]:
    """Of these the skus that show `label` now: only there is something to turn down."""
    where, parameters = _where(products)
    query = f"""
        SELECT sku FROM product_tags
        WHERE label = :label AND sku = ANY(ARRAY(SELECT p.sku FROM products p WHERE {where}))
        GROUP BY sku ORDER BY sku COLLATE "C"
    """
    return list(connection.scalars(sa.text(query), {**parameters, "label": label}))


def _where(products: Filter) -> tuple[str, dict[str, object]]:
    if not products.conditions:
        raise BadFilter("say which products: name skus, or give a condition such as 'brand=Acme'")
    return products.of_product()
