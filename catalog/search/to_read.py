"""The queue of products whose texts are to be read: taken by one reader for a while, deleted once they are written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

CATCH_UP = 5000
"""Products put into the queue at a time, of those that were there before."""
MINUTES = 5
"""How long what is taken is left alone; then its reader is taken for dead."""

Taken = Mapping[int, int]
"""Products' ids by their row in the queue."""
Texts = Sequence[sa.Row[Any]]
"""Of products: id, title, brand, category, description; by id."""


def take(connection: sa.Connection, size: int) -> Taken:
    """Up to `size` rows that nobody has; those that were there before the queue come when it is empty."""
    taken = _take(connection, size)
    return taken if taken or not _catch_up(connection) else _take(connection, size)


def texts(connection: sa.Connection, taken: Taken) -> Texts:
    """What the products say now. Those that are gone are left out."""
    return connection.execute(_TEXTS, {"ids": list(taken.values())}).all()


def lock(connection: sa.Connection, read: Texts) -> Texts:
    """Those that still say what was `read`, and will until the transaction ends. Who changes one just now is not waited
    for, so that nobody waits in a circle.
    """
    now = connection.execute(_LOCKED, {"ids": [row.id for row in read]}).all()
    was = {row.id: row for row in read}
    return [row for row in now if row == was[row.id]]


def finish(connection: sa.Connection, taken: Taken, written: Sequence[int]) -> None:
    """Delete from the queue what is written, or gone. What changed meanwhile stays, to be read again."""
    connection.execute(_DELETE, {"rows": list(taken), "written": list(written)})


def give_back(engine: sa.Engine, taken: Taken) -> None:
    """Let others take them at once."""
    with engine.begin() as connection:
        connection.execute(_GIVE_BACK, {"rows": list(taken)})


def _take(connection: sa.Connection, size: int) -> Taken:
    rows = connection.execute(_TAKE, {"size": size, "minutes": MINUTES})
    return {row.id: row.product_id for row in rows}


def _catch_up(connection: sa.Connection) -> bool:
    """Put the next of the products that were there before into the queue; False where all are, or another does so."""
    row = connection.execute(_NEXT_CATCH_UP).first()
    if row is None:
        return False
    parameters = {"model": row.model, "passed": row.passed, "last": row.last, "size": CATCH_UP}
    connection.execute(_CATCH_UP, parameters)
    return True


_TAKE = sa.text(
    """
    UPDATE texts_to_read SET taken_until = now() + :minutes * interval '1 minute' WHERE id IN (
        SELECT id FROM texts_to_read WHERE taken_until < now() ORDER BY id LIMIT :size FOR UPDATE SKIP LOCKED)
    RETURNING id, product_id
    """
)

_GIVE_BACK = sa.text(
    "UPDATE texts_to_read SET taken_until = '-infinity' WHERE id = ANY(CAST(:rows AS bigint[]))"
)

_DELETE = sa.text(
    """
    DELETE FROM texts_to_read t WHERE id = ANY(CAST(:rows AS bigint[]))
      AND (product_id = ANY(CAST(:written AS bigint[])) OR NOT EXISTS (SELECT FROM products WHERE id = t.product_id))
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

# Of a description 20,000 characters are read.
_QUERY = """
    SELECT id, title, brand, category, left(description, 20000) AS description FROM products
    WHERE id = ANY(CAST(:ids AS bigint[])) ORDER BY id
"""
_TEXTS = sa.text(_QUERY)
_LOCKED = sa.text(f"{_QUERY} FOR SHARE SKIP LOCKED")
