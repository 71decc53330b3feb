"""Reading what products say: texts that are new or changed become words and vectors that search finds.

Triggers on `products` put what is to be read into a queue, in the transaction that changed it. A batch is taken for a
while and embedded with no transaction open; then what still says the same is locked, written and deleted from the queue
in one transaction. Killed anywhere, it is read again; what changed meanwhile is in the queue once more.
"""

from __future__ import annotations

import sqlalchemy as sa

from catalog.search import label_texts, to_read, written
from catalog.search.meaning import Meaning

BATCH = 256


def left(connection: sa.Connection) -> int:
    """How many texts are to be read; of those not in the queue yet, about."""
    return int(connection.scalar(_LEFT) or 0)


def is_waiting(connection: sa.Connection) -> bool:
    """Whether any text of a product is to be read, or a label's name."""
    if connection.scalar(_WAITING):
        return True
    return bool(connection.scalar(_HAS_MEANING)) and bool(label_texts.unread(connection))


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
    """Read labels' names that are new, and up to `size` texts; returns how many rows of the queue were taken.

    0: there is nothing more that is free to take. `begin` comes first. Any number of processes may read at once.
    """
    if meaning is not None:
        label_texts.read(engine, meaning)
    with engine.begin() as connection:
        taken = to_read.take(connection, size)
        texts = to_read.texts(connection, taken)
    if not taken:
        return 0
    try:
        vectors = written.embedded(texts, meaning)
        with engine.begin() as connection:
            same = to_read.lock(connection, texts)
            written.write(connection, same, meaning, vectors)
            to_read.finish(connection, taken, [row.id for row in same])
    except BaseException:
        to_read.give_back(engine, taken)
        raise
    return len(taken)


_LEFT = sa.text(
    """
    SELECT (SELECT count(*) FROM texts_to_read)
           + (SELECT coalesce(sum(last - passed), 0) FROM text_catch_ups)
    """
)

_WAITING = sa.text(
    """
    SELECT EXISTS (SELECT FROM texts_to_read WHERE taken_until < now())
           OR EXISTS (SELECT FROM text_catch_ups WHERE passed < last)
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
