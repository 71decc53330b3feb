"""Skus as people type them: the product that is meant, or a sentence that says there is none."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from catalog.errors import UnknownSku
from catalog.filters import is_text
from catalog.manifests.rows import shown


def product_ids(connection: sa.Connection, skus: Iterable[str]) -> dict[str, int]:
    """The number of each product. Raises UnknownSku, which names the first that is none."""
    wanted = list(dict.fromkeys(skus))
    usable = [sku for sku in wanted if is_text(sku)]
    found = {row.sku: row.id for row in connection.execute(_PRODUCTS, {"skus": usable})}
    for sku in wanted:
        if sku not in found:
            raise UnknownSku(f"there is no product {shown(sku)!r}; ingest it first, or correct the sku")
    return found


_PRODUCTS = sa.text("SELECT sku, id FROM products WHERE sku = ANY(:skus)")
