"""Where recommendations come from beside likeness: what others did, and what is popular or new."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from catalog.recommend.history import Seed

_TOGETHER = 200
_POPULAR = 60  # of a category
EVERYWHERE = 200

_SAYS = {"basket": "bought or put in the cart together with {sku}", "seen": "seen by shoppers who saw {sku}"}


def together(connection: sa.Connection, seeds: Sequence[Seed], known: Sequence[int]) -> dict[int, str]:
    """Products that go together with what the shopper dealt with, the best first, and why; without those `known`."""
    parameters = {
        "products": [seed.product_id for seed in seeds],
        "weights": [seed.weight for seed in seeds],
        "known": list(known),
    }
    skus = {seed.product_id: seed.sku for seed in seeds}
    return {
        row.other_id: _SAYS[row.kind].format(sku=skus[row.seed])
        for row in connection.execute(_TOGETHER_WITH, parameters)
    }


def popular_in(connection: sa.Connection, categories: Sequence[str], known: Sequence[int]) -> dict[int, str]:
    """Popular products of these categories, the most popular first."""
    parameters = {"categories": list(categories), "known": list(known)}
    return {row.product_id: popular(row.category) for row in connection.execute(_POPULAR_IN, parameters)}


def popular_anywhere(connection: sa.Connection, known: Sequence[int]) -> dict[int, str]:
    """The most popular products of all, then the newest; with nothing known of a shopper, that is what there is."""
    found = most_popular(connection, known)
    for row in connection.execute(_NEWEST, {"known": list(known)}):
        found.setdefault(row.id, f"new in {row.category}" if row.category else "new")
    return found


def most_popular(connection: sa.Connection, known: Sequence[int]) -> dict[int, str]:
    """The most popular products of all; empty where no shopper did anything of late."""
    rows = connection.execute(_ANYWHERE, {"known": list(known)})
    return {row.product_id: popular(row.category) for row in rows}


def popular(category: str | None) -> str:
    return f"popular in {category}" if category else "popular"


_TOGETHER_WITH = sa.text(
    f"""
    SELECT q.other_id, sum(seed.weight * q.score) AS score,
           (array_agg(q.product_id ORDER BY seed.weight * q.score DESC, q.product_id, q.kind))[1] AS seed,
           (array_agg(q.kind ORDER BY seed.weight * q.score DESC, q.product_id, q.kind))[1] AS kind
    FROM unnest(CAST(:products AS bigint[]), CAST(:weights AS float8[])) AS seed (product_id, weight)
    JOIN product_pairs q ON q.product_id = seed.product_id
    WHERE q.other_id <> ALL(CAST(:known AS bigint[]))
    GROUP BY q.other_id ORDER BY score DESC, q.other_id LIMIT {_TOGETHER}
    """
)

# What was popular may have moved to another category since; looked at behind the limit, or all of a category is read.
_POPULAR_IN = sa.text(
    f"""
    SELECT best.product_id, best.category
    FROM unnest(CAST(:categories AS text[])) AS wanted (category)
    CROSS JOIN LATERAL (
        SELECT y.product_id, y.category, y.score FROM product_popularity y
        WHERE y.category = wanted.category AND y.product_id <> ALL(CAST(:known AS bigint[]))
        ORDER BY y.score DESC LIMIT {_POPULAR}
    ) best JOIN products p ON p.id = best.product_id AND p.category = best.category
    ORDER BY best.score DESC, best.product_id
    """
)

_ANYWHERE = sa.text(
    f"""
    SELECT best.product_id, best.category FROM (
        SELECT product_id, category, score FROM product_popularity
        WHERE product_id <> ALL(CAST(:known AS bigint[])) ORDER BY score DESC LIMIT {EVERYWHERE}
    ) best JOIN products p ON p.id = best.product_id AND p.category IS NOT DISTINCT FROM best.category
    ORDER BY best.score DESC, best.product_id
    """
)

_NEWEST = sa.text(
    f"""
    SELECT id, category FROM products WHERE id <> ALL(CAST(:known AS bigint[])) ORDER BY id DESC LIMIT {EVERYWHERE}
    """
)
