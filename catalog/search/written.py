"""What is written of products' texts: their words, the words' misspellings, and what the texts mean."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import sqlalchemy as sa

from catalog.search import spelling
from catalog.search.meaning import Meaning, Vector, literal
from catalog.search.to_read import Texts
from catalog.search.words import split

Vectors = Mapping[int, Vector]
"""Of texts, by product."""


def embedded(texts: Texts, meaning: Meaning | None) -> Vectors:
    """What titles, brands and categories mean; those that say nothing have no vector."""
    if meaning is None:
        return {}
    said = {row.id: ". ".join(filter(None, (row.title, row.brand, row.category))) for row in texts}
    speaking = {product_id: text for product_id, text in said.items() if text.strip()}
    vectors = meaning.embed(list(speaking.values())) if speaking else ()
    return dict(zip(speaking, vectors, strict=True))


def write(connection: sa.Connection, texts: Texts, meaning: Meaning | None, vectors: Vectors) -> None:
    """In place of what was written of these products. They are locked, by id."""
    if not texts:
        return
    columns: dict[str, list[object]] = {"ids": [row.id for row in texts]}
    for name in ("title", "brand", "category", "description"):
        columns[name] = [" ".join(split(getattr(row, name))) for row in texts]
    connection.execute(_WORDS, columns)
    if meaning is not None:
        _write_meanings(connection, texts, meaning.name, vectors)
    _count_words(connection, texts)


def _write_meanings(connection: sa.Connection, texts: Texts, model: str, vectors: Vectors) -> None:
    silent = [row.id for row in texts if row.id not in vectors]
    connection.execute(_FORGET, {"ids": silent})
    ids = [row.id for row in texts if row.id in vectors]
    columns = {"ids": ids, "vectors": [literal(vectors[product_id]) for product_id in ids], "model": model}
    connection.execute(_MEANINGS, columns)


def _count_words(connection: sa.Connection, texts: Texts) -> None:
    seen = Counter(
        word
        for row in texts
        for word in {*split(row.title), *split(row.brand), *split(row.category)}
        if spelling.is_normal(word)
    )
    known = sorted(seen)  # so that two readers wait for each other, and do not lock each other up
    columns = {
        "words": known,
        "seen": [seen[word] for word in known],
        "deletions": [" ".join(spelling.deletions(word)) for word in known],
    }
    connection.execute(_KNOWN, columns)


_WORDS = sa.text(
    """
    INSERT INTO product_words (product_id, words)
    SELECT id,
           setweight(to_tsvector('english', title), 'A') || setweight(to_tsvector('english', brand), 'B')
           || setweight(to_tsvector('english', category), 'C') || setweight(to_tsvector('english', description), 'D')
    FROM unnest(CAST(:ids AS bigint[]), CAST(:title AS text[]), CAST(:brand AS text[]), CAST(:category AS text[]),
                CAST(:description AS text[])) AS text (id, title, brand, category, description)
    ON CONFLICT (product_id) DO UPDATE SET words = excluded.words
    """
)

_KNOWN = sa.text(
    """
    INSERT INTO known_words (word, lexeme, seen, deletions)
    SELECT word, coalesce((ts_lexize('english_stem', word))[1], word), seen, string_to_array(deletions, ' ')
    FROM unnest(CAST(:words AS text[]), CAST(:seen AS bigint[]), CAST(:deletions AS text[]))
         AS new (word, seen, deletions)
    ON CONFLICT (word) DO UPDATE SET seen = known_words.seen + excluded.seen
    """
)

_FORGET = sa.text("DELETE FROM product_texts WHERE product_id = ANY(CAST(:ids AS bigint[]))")

_MEANINGS = sa.text(
    """
    INSERT INTO product_texts (product_id, model, embedding)
    SELECT id, :model, CAST(embedding AS halfvec)
    FROM unnest(CAST(:ids AS bigint[]), CAST(:vectors AS text[])) AS text (id, embedding)
    ON CONFLICT (product_id) DO UPDATE SET model = excluded.model, embedding = excluded.embedding
    """
)
