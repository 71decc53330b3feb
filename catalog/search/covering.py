"""How far a product is what the words ask for: whether it is the thing, and how many of the other words it has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import sqlalchemy as sa

from catalog.search import colours, tags
from catalog.search.asking import Asked
from catalog.search.cursor import Ranked
from catalog.search.ranking import Candidates


def first_the_thing(connection: sa.Connection, found: Candidates) -> list[Ranked]:
    """Products that are the thing first, of these those with most of the other words, then in their fused order.

    Those that tags found are known to be the thing; of others it is looked up where their texts do not say so. Scores
    stay between 0 and 1: a step for each word, and the fused scores within a step.
    """
    asked, ids = found.asked, {product_id for product_id, _ in found.ranked}
    having = _having(connection, asked, ids)
    things = set(found.tagged)
    if asked.thing:
        things |= set.intersection(*(having[word] for word in asked.thing))
    things |= _tagged(connection, asked, sorted(ids - things))
    others = set(asked.words) - set(asked.thing)
    covered = Counter(product_id for word in others for product_id in having[word])
    steps = (len(others) + 1) * (2 if things else 1)

    def score(product_id: int, within: float) -> float:
        step = covered[product_id] + (len(others) + 1 if product_id in things else 0)
        return (step + within) / steps

    scored = [(product_id, score(product_id, within)) for product_id, within in found.ranked]
    return sorted(scored, key=lambda one: -one[1])


def _tagged(connection: sa.Connection, asked: Asked, ids: Sequence[int]) -> set[int]:
    return {row.product_id for row in tags.reasons(connection, asked.things, ids)}


def _having(connection: sa.Connection, asked: Asked, ids: set[int]) -> dict[str, set[int]]:
    """By word the products whose titles, brands or categories have it, or whose photos where it is a colour."""
    marks = [":*ABC" if one.begins else ":ABC" for one in asked.spelt]
    having: dict[str, set[int]] = {word: set() for word in asked.words}
    parameters = {"ids": sorted(ids), "words": list(asked.words), "marks": marks}
    for word, product_ids in connection.execute(_WORDS, parameters):
        having[word].update(product_ids)
    pale = ids - ids.intersection(*(having[colour] for colour in asked.colours))
    for product_id, colour in colours.of_products(connection, sorted(pale), asked.colours):
        having[colour].add(product_id)
    return having


_WORDS = sa.text(
    """
    WITH typed AS MATERIALIZED (
        SELECT word, to_tsquery('english', word || mark) AS query
        FROM unnest(CAST(:words AS text[]), CAST(:marks AS text[])) typed (word, mark)),
    text AS MATERIALIZED (
        SELECT product_id, words FROM product_words WHERE product_id = ANY(CAST(:ids AS bigint[])))
    SELECT typed.word, array_agg(text.product_id) FROM text JOIN typed ON text.words @@ typed.query GROUP BY typed.word
    """
)
