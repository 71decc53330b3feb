"""Search itself: by words, by a photo's vector, by a product; a page at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import sqlalchemy as sa

from catalog.errors import BadQuery
from catalog.search import covering, cursor, photos, ranking, reasons, vectors
from catalog.search import words as texts
from catalog.search.asking import ask, understood
from catalog.search.chosen import Where, where
from catalog.search.cursor import Ranked
from catalog.search.hits import Chosen, Page
from catalog.search.known import as_known
from catalog.search.meaning import Meaning, Vector, literal
from catalog.search.shown import hits
from catalog.search.statements import ids, statement
from catalog.skus import product_ids

SIZE = 24


def find(
    connection: sa.Connection,
    words: str,
    chosen: Chosen,
    *,
    meaning: Meaning | None = None,
    size: int = SIZE,
    after: str | None = None,
) -> Page:
    """Products for `words`: that of a sku alone, else by words, tags and, with a `meaning`, by what texts mean.

    Without words the newest products come first, all of them; else the best `ranking.DEPTH`.

    Raises BadQuery, BadCursor.
    """
    cursor.check_size(size)
    texts.check(words, "the words")
    chosen = as_known(connection, chosen)
    condition = where(connection, chosen)
    if not words.strip():
        return _browse(connection, condition, size, cursor.mark(chosen), after)
    question = cursor.mark(words, chosen)
    asked = ask(connection, words, meaning)
    if after is not None:
        asked, ranked = understood(connection, asked), cursor.read(question, after)
    elif first := ranking.of_sku(connection, asked, words, condition):
        the_sku: reasons.Found = dict.fromkeys(first, ("sku as it was typed",))
        return _page(connection, [(product_id, 1.0) for product_id in first], size, question, the_sku)
    else:
        found = ranking.candidates(connection, asked, condition)
        asked, ranked = found.asked, covering.first_the_thing(connection, found)[: ranking.DEPTH]
    why = reasons.of_words(connection, asked, [product_id for product_id, _ in ranked[:size]])
    return _page(connection, ranked, size, question, why)


def near(
    connection: sa.Connection,
    version_id: int,
    vector: Vector,
    chosen: Chosen,
    *,
    size: int = SIZE,
    after: str | None = None,
) -> Page:
    """Products with photos near `vector`, float32 of shape (width,), by the embedder `version_id`; scores are cosines.

    Raises BadQuery, BadCursor.
    """
    cursor.check_size(size)
    chosen = as_known(connection, chosen)
    if vector.ndim != 1 or not np.isfinite(vector).all() or not vector.any():
        raise BadQuery("the photo's embedding is no vector; embed it again")
    question = cursor.mark(version_id, vector.astype(np.float32).tobytes(), chosen)
    return _alike(connection, version_id, vector, where(connection, chosen), question, size, after)


def similar(
    connection: sa.Connection, sku: str, chosen: Chosen, *, size: int = SIZE, after: str | None = None
) -> Page:
    """Products whose photos look like the main photo of `sku`; empty where no embedder that serves has seen it.

    Raises UnknownSku, BadQuery, BadCursor.
    """
    cursor.check_size(size)
    texts.check(sku, "the sku")
    chosen = as_known(connection, chosen)
    product_id = product_ids(connection, [sku])[sku]
    seen = photos.of_product(connection, product_id)
    if seen is None:
        return Page((), None)
    version_id, vector = seen
    condition = where(connection, chosen)
    others = replace(
        condition,
        own=f"p.id <> :itself AND {condition.own}",
        parameters={**condition.parameters, "itself": product_id},
    )
    question = cursor.mark(sku, chosen)
    return _alike(connection, version_id, vector, others, question, size, after)


def _alike(
    connection: sa.Connection,
    version_id: int,
    vector: Vector,
    condition: Where,
    question: bytes,
    size: int,
    after: str | None,
) -> Page:
    if after is not None:
        ranked = cursor.read(question, after)
    else:
        ranked = vectors.nearest_photos(connection, version_id, literal(vector), condition)
    return _page(connection, ranked, size, question, reasons.of_photos(ranked[:size]))


def _browse(
    connection: sa.Connection, condition: Where, size: int, question: bytes, after: str | None
) -> Page:
    below = cursor.LARGEST_ID if after is None else _last(cursor.read(question, after))
    query = statement(_NEWEST, where=condition.sql)
    found = ids(connection, query, {**condition.parameters, "below": below, "size": size + 1})
    shown = [(product_id, 0.0) for product_id in found[:size]]
    more = cursor.write(question, shown[-1:]) if len(found) > size else None
    return Page(hits(connection, shown, {}), more)


def _last(ranked: Sequence[Ranked]) -> int:
    return ranked[-1][0] if ranked else 0


def _page(
    connection: sa.Connection, ranked: Sequence[Ranked], size: int, question: bytes, why: reasons.Found
) -> Page:
    left = ranked[size:]
    return Page(hits(connection, ranked[:size], why), cursor.write(question, left) if left else None)


_NEWEST = "SELECT p.id FROM products p WHERE p.id < :below AND {where} ORDER BY p.id DESC LIMIT :size"
