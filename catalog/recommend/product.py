"""What goes with a product: of other categories, as shoppers took them together."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from catalog.errors import UnknownSku
from catalog.manifests.cells import BadCell, identifier
from catalog.manifests.rows import shown
from catalog.recommend.ranking import Ranking, blend, reasons, varied
from catalog.recommend.shown import look_up
from catalog.search.hits import Hit

_PAIRED, _POPULAR = 1.0, 0.01  # what was taken together goes before what might be


def goes_with(connection: sa.Connection, sku: str, *, size: int = 12) -> tuple[Hit, ...]:
    """Up to `size` products of other categories, the best first; where few were taken together with this one, what is
    popular in the categories that go with its own. Never a variant of it. Raises UnknownSku.

    All variants of a product speak for it. A product without a category goes with any.
    """
    product = _find(connection, sku)
    pairs = connection.execute(_PAIRS, {"family": product.family, "category": product.category})
    paired = {
        row.other_id: f"bought or put in the cart with it by {row.shoppers:,} shoppers" for row in pairs
    }
    popular = connection.execute(_BESIDE, {"category": product.category})
    beside = {row.product_id: _beside(row.other, product.category) for row in popular}
    rankings = [Ranking(_PAIRED, paired), Ranking(_POPULAR, beside)]
    scores = blend(rankings)
    found = look_up(connection, scores)
    chosen = varied(scores, found, size, [product.family])
    return tuple(found[one].hit(scores[one], reasons(rankings, one)) for one in chosen)


def _find(connection: sa.Connection, sku: str) -> sa.Row[Any]:
    try:
        found = connection.execute(_PRODUCT, {"sku": identifier(sku, "sku")}).one_or_none()
    except BadCell:  # Postgres would not take it, so it has none
        found = None
    if found is None:
        raise UnknownSku(f"there is no product {shown(sku)}; ingest it first, or correct the sku")
    return found


def _beside(other: str, category: str) -> str:
    return f"popular in {other}, which goes with {category}"


_PRODUCT = sa.text("SELECT id, coalesce(parent_sku, sku) AS family, category FROM products WHERE sku = :sku")

_PAIRS = sa.text(
    """
    WITH variants AS (
        SELECT id FROM products WHERE sku = :family UNION SELECT id FROM products WHERE parent_sku = :family
    )
    SELECT q.other_id, max(q.shoppers) AS shoppers, sum(q.score) AS score
    FROM variants v JOIN product_pairs q ON q.product_id = v.id AND q.kind = 'basket'
    JOIN products p ON p.id = q.other_id
    WHERE CAST(:category AS text) IS NULL OR p.category IS DISTINCT FROM :category
    GROUP BY q.other_id ORDER BY score DESC, q.other_id LIMIT 100
    """
)

_BESIDE = sa.text(
    """
    SELECT best.product_id, c.other
    FROM (SELECT other, score FROM category_pairs WHERE category = :category) c
    CROSS JOIN LATERAL (
        SELECT y.product_id, y.category, y.score FROM product_popularity y
        WHERE y.category = c.other ORDER BY y.score DESC LIMIT 20
    ) best JOIN products p ON p.id = best.product_id AND p.category = best.category
    ORDER BY c.score DESC, c.other, best.score DESC, best.product_id
    """
)
