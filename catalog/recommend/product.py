"""What goes with a product: of other categories, as shoppers took them together."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from catalog.manifests.rows import shown
from catalog.recommend import sources
from catalog.recommend.ranking import Ranking, blend, reasons, varied
from catalog.recommend.shown import look_up
from catalog.search.hits import Hit
from catalog.skus import product_ids

_PAIRED, _POPULAR = 1.0, 0.01  # what was taken together goes before what might be


def goes_with(connection: sa.Connection, sku: str, *, size: int = 12) -> tuple[Hit, ...]:
    """Up to `size` products of other categories, the best first; where few were taken together with this one, what is
    popular in the categories that go with its own. Never a variant of it. Raises UnknownSku.

    All variants of a product speak for it. A product without a category goes with any, and with what is popular.
    """
    product = _find(connection, sku)
    pairs = connection.execute(_PAIRS, {"family": product.family, "category": product.category})
    paired = {
        row.other_id: f"bought or put in the cart with it by {row.shoppers:,} shoppers" for row in pairs
    }
    rankings = [Ranking(_PAIRED, paired), Ranking(_POPULAR, _beside(connection, product))]
    scores = blend(rankings)
    found = look_up(connection, scores)
    chosen = varied(scores, found, size, [product.family])
    return tuple(found[one].hit(scores[one], reasons(rankings, one)) for one in chosen)


def _find(connection: sa.Connection, sku: str) -> sa.Row[Any]:
    return connection.execute(_PRODUCT, {"id": product_ids(connection, [sku])[sku]}).one()


def _beside(connection: sa.Connection, product: sa.Row[Any]) -> dict[int, str]:
    """What is popular in the categories that go with the product's."""
    category = product.category
    if category is None:
        return sources.most_popular(connection, [product.id])
    rows = connection.execute(_BESIDE, {"category": category})
    return {row.product_id: f"popular in {row.other}, which goes with {category}" for row in rows}


def why_nothing(connection: sa.Connection, sku: str) -> str:
    """Why `goes_with` has nothing for a product. Raises UnknownSku."""
    product = _find(connection, sku)
    if not connection.scalar(_ACTED):
        return "nothing yet: load what shoppers did with tagmill shoppers load (docs/recommend.md)"
    if not connection.scalar(_REFRESHED):
        return "nothing yet: run tagmill shoppers refresh, which sees what goes together (docs/recommend.md)"
    of = f", and no category goes with {product.category}" if product.category else ""
    return f"fewer than two shoppers took {shown(sku)} with one same product of another category{of}"


_ACTED = sa.text("SELECT EXISTS (SELECT FROM interactions)")

_REFRESHED = sa.text("SELECT EXISTS (SELECT FROM product_popularity)")

_PRODUCT = sa.text("SELECT id, coalesce(parent_sku, sku) AS family, category FROM products WHERE id = :id")

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
