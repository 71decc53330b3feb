"""Orders of products by one measure each, best first, and what becomes of several: reciprocal rank fusion.

Cormack, Clarke and Büttcher, SIGIR 2009: a product's score is the sum of 1 / (60 + rank) over the orders it is in.
Scores of words, tags and vectors have no common measure; ranks have.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from catalog.search import tags, vectors
from catalog.search.asking import Asked, understood
from catalog.search.chosen import Where
from catalog.search.cursor import Ranked
from catalog.search.looking import skus
from catalog.search.statements import ids, statement
from catalog.search.tags import Cuts
from catalog.search.thought import Thought

DEPTH = 240
"""Products of an order of words or tags, and of the fused one: ten pages of 24."""
POOL, LOOKED_UP_POOL = 3000, 1000
"""Products with the words that are ranked: of a word that millions have, those that are first in the table. Beside a
filter that looks at photos fewer, and as many of those with a tag, the surest."""
CONSTANT = 60
ENOUGH = 24
"""Products, of what was asked, beside which nothing is looked for that only comes near."""


def by_words(connection: sa.Connection, asked: Asked, where: Where, depth: int = DEPTH) -> list[int]:
    """Products whose texts have all words; where those are few, products that have some of them follow."""
    if not asked.words:
        return []
    found = _matching(connection, asked.tsquery("&"), where, depth)
    if len(found) < ENOUGH and len(asked.words) > 1:
        found = list(dict.fromkeys(found + _matching(connection, asked.tsquery("|"), where, depth)))
    return found[:depth]


def by_tags(connection: sa.Connection, wanted: Cuts, where: Where, depth: int = DEPTH) -> list[int]:
    """Products with any of the labels, the surest first."""
    if where.ids is None:
        if where.any:
            return tags.surest(connection, wanted, depth)
        if chosen := [label for label in wanted.labels if label in where.tags]:
            wanted = wanted.of(chosen)  # what is found has one of them; others would only crowd them out
        own, looked_up = where.own, where.looked_up
        return tags.surest(
            connection,
            wanted,
            depth,
            LOOKED_UP_POOL,
            own=own,
            looked_up=looked_up,
            parameters=where.parameters,
        )
    scores: dict[int, float] = {}
    for row in tags.reasons(connection, wanted, where.ids):
        scores[row.product_id] = max(row.score, scores.get(row.product_id, 0.0))
    return sorted(scores, key=lambda one: (-scores[one], -one))[:depth]


def by_nearness(connection: sa.Connection, near: Cuts, where: Where, depth: int = DEPTH) -> list[int]:
    """Products with the nearest label first, the surest of them before others; then those with the next."""
    found: dict[int, None] = {}
    for label in near.labels:
        if len(found) < depth:
            found |= dict.fromkeys(by_tags(connection, near.of([label]), where, depth))
    return list(found)[:depth]


def by_meaning(connection: sa.Connection, thought: Thought | None, where: Where, alike: float) -> list[int]:
    """Products whose text means what was asked, from a cosine of `alike`."""
    if thought is None:
        return []
    found = vectors.nearest_texts(connection, thought.model, thought.vector, where)
    return [product_id for product_id, cosine in found if cosine >= alike]


def by_colour(connection: sa.Connection, asked: Asked, where: Where, depth: int = DEPTH) -> list[int]:
    """Products whose photos have one of the colours, where nothing but colours is asked; the newest first."""
    if not asked.colours or set(asked.words) != set(asked.colours):
        return []
    joined = "" if where.own == "true" else "JOIN products p ON p.id = pi.product_id"
    query = statement(_COLOURED, joined=joined, own=where.own, looked_up=where.looked_up)
    parameters = {**where.parameters, "asked": list(asked.colours), "pool": LOOKED_UP_POOL, "depth": depth}
    return ids(connection, query, parameters)


@dataclass(frozen=True, slots=True)
class Candidates:
    """What is found, fused; what was `asked`, understood; and which of the products tags found to be the thing."""

    ranked: list[Ranked]
    asked: Asked
    tagged: frozenset[int]


def candidates(connection: sa.Connection, asked: Asked, where: Where, depth: int = DEPTH) -> Candidates:
    """All that is found; what needs no meaning first, while it is thought of."""
    with_words = by_words(connection, asked, where, depth)
    coloured = by_colour(connection, asked, where, depth)
    # Where texts fill all pages, tags fill half of them.
    beside = depth if len(with_words) < depth else depth // 2
    named = by_tags(connection, asked.named, where, beside)
    asked = understood(connection, asked)
    near = by_nearness(connection, asked.near, where, beside) if len(named) < ENOUGH else []
    alike = vectors.TEXTS_ALIKE if with_words else vectors.TEXTS_ALIKE_ALONE
    meant = by_meaning(connection, asked.thought, where, alike)
    tagged = frozenset(named if asked.named.labels else near)
    return Candidates(fuse([with_words, coloured, named, near, meant]), asked, tagged)


def of_sku(connection: sa.Connection, asked: Asked, typed: str, where: Where) -> list[int]:
    """The product whose sku is `typed`, in this case or another."""
    if not asked.is_sku:
        return []
    query = statement(_SKU, where=where.sql)
    return ids(connection, query, {**where.parameters, "skus": skus(typed)})


def fuse(orders: Iterable[Sequence[int]]) -> list[Ranked]:
    """All of the orders, scores from 0 to 1: a product that is first in all has 1."""
    given = [order for order in orders if order]
    scores: dict[int, float] = {}
    for order in given:
        for rank, product_id in enumerate(order, start=1):
            scores[product_id] = scores.get(product_id, 0.0) + (CONSTANT + 1) / (CONSTANT + rank) / len(given)
    return sorted(scores.items(), key=lambda one: (-one[1], -one[0]))


def _matching(connection: sa.Connection, tsquery: str, where: Where, depth: int) -> list[int]:
    joined = "" if where.own == "true" else "JOIN products p ON p.id = w.product_id"
    query = statement(_MATCHING, joined=joined, own=where.own, looked_up=where.looked_up)
    pool = POOL if where.looked_up == "true" else LOOKED_UP_POOL
    parameters = {**where.parameters, "query": tsquery, "pool": pool, "depth": depth}
    return ids(connection, query, parameters)


_SKU = (
    "SELECT p.id FROM products p WHERE p.sku = ANY(CAST(:skus AS text[])) AND {where} ORDER BY p.id LIMIT 3"
)

# `to_tsquery` of a constant is planned as a constant; 1 divides the rank by the logarithm of the text's length.
_MATCHING = """
    SELECT p.id FROM (
        SELECT w.product_id AS id, ts_rank(w.words, to_tsquery('english', :query), 1) AS rank
        FROM product_words w {joined}
        WHERE w.words @@ to_tsquery('english', :query) AND {own} LIMIT :pool) p
    WHERE {looked_up} ORDER BY rank DESC, p.id DESC LIMIT :depth
"""

_COLOURED = """
    SELECT DISTINCT p.id FROM (
        SELECT pi.product_id AS id FROM photo_facts f JOIN product_images pi ON pi.image_id = f.image_id {joined}
        WHERE f.colour = ANY(CAST(:asked AS text[])) AND {own}
          AND f.model_version_id = ANY(ARRAY(SELECT id FROM serving_versions)) LIMIT :pool) p
    WHERE {looked_up} ORDER BY p.id DESC LIMIT :depth
"""
