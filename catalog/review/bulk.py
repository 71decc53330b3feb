"""Products that a bulk decision is about: those that a condition names."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from catalog.errors import BadFilter
from catalog.filters import Filter

LOOKED_AT = 1_000
"""Products of a bulk decision that are looked at for what else they show."""


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


def shown_beside(connection: sa.Connection, skus: Sequence[str], label: str) -> list[tuple[str, str]]:
    """(sku, other label) where a classifier that gives `label` shows another label; of the first `LOOKED_AT` skus."""
    rows = connection.execute(_BESIDE, {"skus": list(skus[:LOOKED_AT]), "label": label})
    return [(sku, other) for sku, other in rows]


def _where(products: Filter) -> tuple[str, dict[str, object]]:
    if not products.conditions:
        raise BadFilter("say which products: name skus, or give a condition such as 'brand=Acme'")
    return products.of_product()


_BESIDE = sa.text(
    """
    SELECT DISTINCT t.sku, t.label FROM product_tags t
    JOIN model_versions m ON m.name = t.model AND m.version = t.model_version AND m.task = 'classify'
    WHERE t.sku = ANY(CAST(:skus AS text[])) AND t.label <> :label AND t.origin = 'model' AND :label = ANY(m.labels)
    ORDER BY t.sku, t.label
    """
)
