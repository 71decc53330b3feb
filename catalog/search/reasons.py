"""Why a product was found, in short sentences; asked for the hits of one page, by their ids."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from catalog.search import colours, tags
from catalog.search.asking import Asked
from catalog.search.vectors import TEXTS_ALIKE

PLACES = {"A": "title", "B": "brand", "C": "category", "D": "description"}

Found = dict[int, tuple[str, ...]]


def of_words(connection: sa.Connection, asked: Asked, product_ids: Sequence[int]) -> Found:
    """Reasons by product id; `asked` is understood."""
    found: dict[int, list[str]] = defaultdict(list)
    ids = {"ids": list(product_ids)}
    for row in _places(connection, asked, ids):
        found[row.product_id].append(f"{PLACES[row.weight]} has {_quoted(row.words)}")
    beside = f", near '{' '.join(asked.words)}'"
    tagged = tags.reasons(connection, asked.wanted, product_ids)
    for row in sorted(tagged, key=lambda row: row.label in asked.near.labels):
        said = f"tag {row.label}, said by a person" if row.person else f"tag {row.label} {row.score:.2f}"
        found[row.product_id].append(said + (beside if row.label in asked.near.labels else ""))
    for product_id, colour in colours.of_products(connection, product_ids, asked.colours):
        found[product_id].append(f"colour {colour}")
    if (thought := asked.thought) is not None:
        parameters = {**ids, "model": thought.model, "vector": thought.vector, "alike": TEXTS_ALIKE}
        for row in connection.execute(_MEANS, parameters):
            found[row.product_id].append(f"text {row.score:.2f} alike in meaning")
    corrected = (f"showing results for '{asked.corrected}'",) if asked.corrected else ()
    return {product_id: (*found[product_id], *corrected) for product_id in product_ids}


def of_photos(ranked: Sequence[tuple[int, float]]) -> Found:
    """Of products that are there for their photo."""
    return {product_id: (f"photo {score:.2f} alike",) for product_id, score in ranked}


def _places(connection: sa.Connection, asked: Asked, ids: dict[str, Any]) -> Sequence[sa.Row[Any]]:
    words = [one.word for one in asked.spelt]
    marks = ["*" if one.begins else "" for one in asked.spelt]
    return connection.execute(_PLACES, {**ids, "words": words, "marks": marks}).all()


def _quoted(words: Sequence[str]) -> str:
    return " and ".join(f"'{word}'" for word in words)


# Each word where it weighs most.
_PLACES = sa.text(
    """
    WITH typed AS MATERIALIZED (
        SELECT word, place, weight, to_tsquery('english', word || ':' || mark || weight) AS query
        FROM unnest(CAST(:words AS text[]), CAST(:marks AS text[])) WITH ORDINALITY typed (word, mark, place),
             unnest('{A,B,C,D}'::text[]) weight)
    SELECT product_id, weight, array_agg(word ORDER BY place) AS words FROM (
        SELECT w.product_id, typed.word, typed.place, min(typed.weight) AS weight
        FROM product_words w JOIN typed ON w.words @@ typed.query
        WHERE w.product_id = ANY(CAST(:ids AS bigint[]))
        GROUP BY w.product_id, typed.word, typed.place) found
    GROUP BY product_id, weight ORDER BY product_id, weight
    """
)

_MEANS = sa.text(
    """
    SELECT product_id, score FROM (
        SELECT product_id, 1 - (embedding <=> CAST(:vector AS halfvec)) AS score FROM product_texts
        WHERE product_id = ANY(CAST(:ids AS bigint[])) AND model = :model) texts
    WHERE score >= :alike
    """
)
