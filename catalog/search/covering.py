"""How far a product is what the words ask for: whether it is the thing, and how many of the other words it has."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from collections.abc import Set as AbstractSet

import sqlalchemy as sa

from catalog.search import colours, tags
from catalog.search.asking import Asked
from catalog.search.cursor import Ranked


def first_the_thing(
    connection: sa.Connection, asked: Asked, ranked: Sequence[Ranked], tagged: AbstractSet[int]
) -> list[Ranked]:
    """Products that are the thing first, of these those with most of the other words, then in the order of `ranked`.

    `tagged` are known to be the thing; of others it is looked up where their texts do not say so. Scores stay between
    0 and 1: a step for each word, and the scores of `ranked` within a step.
    """
    ids = [product_id for product_id, _ in ranked]
    has = _words(connection, asked, ids)
    for product_id, colour in colours.of_products(connection, ids, asked.colours):
        has[product_id].add(colour)
    thing = set(asked.thing)
    things = {one for one in ids if thing and (one in tagged or thing <= has[one])}
    things |= _tagged(connection, asked, [one for one in ids if one not in things])
    others = {word for word in asked.words if word not in thing}
    steps = (len(others) + 1) * (2 if thing else 1)

    def score(product_id: int, within: float) -> float:
        step = len(others & has[product_id]) + (len(others) + 1 if product_id in things else 0)
        return (step + within) / steps

    scored = [(product_id, score(product_id, within)) for product_id, within in ranked]
    return sorted(scored, key=lambda one: -one[1])


def _tagged(connection: sa.Connection, asked: Asked, ids: Sequence[int]) -> set[int]:
    return {row.product_id for row in tags.reasons(connection, asked.things, ids)}


def _words(connection: sa.Connection, asked: Asked, ids: Sequence[int]) -> defaultdict[int, set[str]]:
    """The words that titles, brands and categories have, by product."""
    marks = [":*ABC" if one.begins else ":ABC" for one in asked.spelt]
    found: defaultdict[int, set[str]] = defaultdict(set)
    parameters = {"ids": list(ids), "words": list(asked.words), "marks": marks}
    for row in connection.execute(_WORDS, parameters):
        found[row.product_id].add(row.word)
    return found


_WORDS = sa.text(
    """
    WITH typed AS MATERIALIZED (
        SELECT word, to_tsquery('english', word || mark) AS query
        FROM unnest(CAST(:words AS text[]), CAST(:marks AS text[])) typed (word, mark)),
    text AS MATERIALIZED (
        SELECT product_id, words FROM product_words WHERE product_id = ANY(CAST(:ids AS bigint[])))
    SELECT text.product_id, typed.word FROM text JOIN typed ON text.words @@ typed.query
    """
)
