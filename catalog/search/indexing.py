"""Reading what products say: texts that are new or changed become words and vectors that search finds.

Triggers on `products` put what is to be read into a queue, in the transaction that changed it. A batch is taken, read,
written and deleted from the queue in one transaction: killed anywhere, it is read again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from catalog.search import spelling
from catalog.search.meaning import Meaning, literal
from catalog.search.words import split

BATCH = 256
CATCH_UP = 5000
"""Products put into the queue at a time, of those that were there before."""
LONGEST_TEXT = 20_000
"""Characters of a description that are read."""


def left(connection: sa.Connection) -> int:
    """How many texts are to be read; of those not in the queue yet, about."""
    return int(connection.scalar(_LEFT) or 0)


def is_waiting(connection: sa.Connection) -> bool:
    """Whether any text is to be read."""
    return bool(connection.scalar(_WAITING))


def begin(connection: sa.Connection, meaning: Meaning | None, *, again: bool = False) -> bool:
    """Make ready to read with `meaning`; False where this is not the place to read.

    An embedder that is new reads all products that are there, as is done `again` if wanted. Once one has read texts,
    those who have none leave the reading to others: what they read would lack its vector.
    """
    name = "" if meaning is None else meaning.name
    if meaning is None and connection.scalar(_HAS_MEANING):
        return False
    connection.execute(_AGAIN if again else _NEW, {"model": name})
    return True


def read_batch(engine: sa.Engine, meaning: Meaning | None, size: int = BATCH) -> int:
    """Read up to `size` texts; returns how many rows left the queue. 0: there is nothing more that is free to take.

    `begin` comes first. Any number of processes may read at once.
    """
    with engine.begin() as connection:
        taken = _take(connection, size)
        if not taken and _catch_up(connection):
            taken = _take(connection, size)
        if not taken:
            return 0
        readings = {product_id: reading for reading, product_id in sorted(taken)}
        texts = connection.execute(_TEXTS, {"ids": list(readings)}).all()
        if meaning is not None:
            _write_labels(connection, meaning)
            _write_meanings(connection, meaning, texts, readings)
        _write_words(connection, texts, readings)
    return len(taken)


def _take(connection: sa.Connection, size: int) -> list[tuple[int, int]]:
    return [(row.id, row.product_id) for row in connection.execute(_TAKE, {"size": size})]


def _catch_up(connection: sa.Connection) -> bool:
    """Put the next of the products that were there before into the queue; False where all are, or another does so."""
    row = connection.execute(_NEXT_CATCH_UP).first()
    if row is None:
        return False
    parameters = {"model": row.model, "passed": row.passed, "last": row.last, "size": CATCH_UP}
    connection.execute(_CATCH_UP, parameters)
    return True


def _write_words(connection: sa.Connection, texts: Sequence[sa.Row[Any]], readings: dict[int, int]) -> None:
    columns: dict[str, list[object]] = {
        "ids": [row.id for row in texts],
        "readings": [readings[row.id] for row in texts],
    }
    for name in ("title", "brand", "category", "description"):
        columns[name] = [" ".join(split((getattr(row, name) or "")[:LONGEST_TEXT])) for row in texts]
    connection.execute(_WORDS, columns)
    seen = Counter(
        word
        for row in texts
        for word in {*split(row.title), *split(row.brand), *split(row.category)}
        if spelling.is_normal(word)
    )
    known = sorted(
        seen
    )  # in one order, so that two readers wait for each other and do not lock each other up
    if not known:
        return
    connection.execute(
        _KNOWN,
        {
            "words": known,
            "seen": [seen[word] for word in known],
            "deletions": [" ".join(spelling.deletions(word)) for word in known],
        },
    )


def _write_meanings(
    connection: sa.Connection, meaning: Meaning, texts: Sequence[sa.Row[Any]], readings: dict[int, int]
) -> None:
    said = {row.id: ". ".join(filter(None, (row.title, row.brand, row.category))) for row in texts}
    silent = [product_id for product_id, text in said.items() if not text.strip()]
    connection.execute(_FORGET, {"ids": silent, "readings": [readings[product_id] for product_id in silent]})
    ids = [product_id for product_id, text in said.items() if text.strip()]
    if not ids:
        return
    parameters = {
        "ids": ids,
        "readings": [readings[product_id] for product_id in ids],
        "vectors": [literal(vector) for vector in meaning.embed([said[product_id] for product_id in ids])],
        "model": meaning.name,
    }
    connection.execute(_MEANINGS, parameters)


def _write_labels(connection: sa.Connection, meaning: Meaning) -> None:
    """Labels of versions that serve; they are few, and mostly known."""
    new = list(connection.scalars(_NEW_LABELS, {"model": meaning.name}))
    if new:
        vectors = [literal(vector) for vector in meaning.embed([" ".join(split(label)) for label in new])]
        connection.execute(_LABELS, {"model": meaning.name, "labels": new, "vectors": vectors})


_LEFT = sa.text(
    """
    SELECT (SELECT count(*) FROM texts_to_read)
           + (SELECT coalesce(sum(last - passed), 0) FROM text_catch_ups)
    """
)

_WAITING = sa.text(
    """
    SELECT EXISTS (SELECT FROM texts_to_read) OR EXISTS (SELECT FROM text_catch_ups WHERE passed < last)
    """
)

_HAS_MEANING = sa.text("SELECT true FROM text_catch_ups WHERE model <> '' LIMIT 1")

_NEW = sa.text(
    """
    INSERT INTO text_catch_ups (model, passed, last) SELECT :model, 0, coalesce(max(id), 0) FROM products
    ON CONFLICT DO NOTHING
    """
)

_AGAIN = sa.text(
    """
    INSERT INTO text_catch_ups (model, passed, last) SELECT :model, 0, coalesce(max(id), 0) FROM products
    ON CONFLICT (model) DO UPDATE SET passed = 0, last = excluded.last
    """
)

_TAKE = sa.text(
    """
    DELETE FROM texts_to_read WHERE id IN (
        SELECT id FROM texts_to_read ORDER BY id LIMIT :size FOR UPDATE SKIP LOCKED)
    RETURNING id, product_id
    """
)

_NEXT_CATCH_UP = sa.text(
    """
    SELECT model, passed, last FROM text_catch_ups WHERE passed < last ORDER BY model LIMIT 1 FOR UPDATE SKIP LOCKED
    """
)

_CATCH_UP = sa.text(
    """
    WITH following AS (
        SELECT id FROM products WHERE id > :passed AND id <= :last ORDER BY id LIMIT :size),
    queued AS (
        INSERT INTO texts_to_read (product_id) SELECT id FROM following)
    UPDATE text_catch_ups SET passed = CASE WHEN (SELECT count(*) FROM following) < :size THEN last
                                            ELSE (SELECT max(id) FROM following) END
    WHERE model = :model
    """
)

# The key of a product that is read stays as it is, so that what is written about it finds it.
_TEXTS = sa.text(
    """
    SELECT id, title, brand, category, left(description, 20000) AS description FROM products
    WHERE id = ANY(CAST(:ids AS bigint[])) ORDER BY id FOR KEY SHARE
    """
)

_WORDS = sa.text(
    """
    INSERT INTO product_words (product_id, reading, words)
    SELECT id, reading,
           setweight(to_tsvector('english', title), 'A') || setweight(to_tsvector('english', brand), 'B')
           || setweight(to_tsvector('english', category), 'C') || setweight(to_tsvector('english', description), 'D')
    FROM unnest(CAST(:ids AS bigint[]), CAST(:readings AS bigint[]), CAST(:title AS text[]), CAST(:brand AS text[]),
                CAST(:category AS text[]), CAST(:description AS text[]))
         AS text (id, reading, title, brand, category, description)
    ON CONFLICT (product_id) DO UPDATE SET reading = excluded.reading, words = excluded.words
    WHERE product_words.reading < excluded.reading
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

_FORGET = sa.text(
    """
    DELETE FROM product_texts t USING unnest(CAST(:ids AS bigint[]), CAST(:readings AS bigint[])) AS text (id, reading)
    WHERE t.product_id = text.id AND t.reading < text.reading
    """
)

_MEANINGS = sa.text(
    """
    INSERT INTO product_texts (product_id, reading, model, embedding)
    SELECT id, reading, :model, CAST(embedding AS halfvec)
    FROM unnest(CAST(:ids AS bigint[]), CAST(:readings AS bigint[]), CAST(:vectors AS text[]))
         AS text (id, reading, embedding)
    ON CONFLICT (product_id) DO UPDATE
    SET reading = excluded.reading, model = excluded.model, embedding = excluded.embedding
    WHERE product_texts.reading < excluded.reading
    """
)

_NEW_LABELS = sa.text(
    """
    SELECT DISTINCT known.label FROM model_versions m, unnest(m.labels) known (label)
    WHERE m.state = 'serving' AND m.task = 'classify'
      AND NOT EXISTS (SELECT FROM label_texts t WHERE t.model = :model AND t.label = known.label) ORDER BY known.label
    """
)

_LABELS = sa.text(
    """
    INSERT INTO label_texts (model, label, embedding)
    SELECT :model, label, CAST(embedding AS halfvec)
    FROM unnest(CAST(:labels AS text[]), CAST(:vectors AS text[])) AS new (label, embedding) ON CONFLICT DO NOTHING
    """
)
