"""The HNSW indexes of vectors: one for each embedder that serves, made when it is worth it, dropped when it is not.

Malkov and Yashunin 2016 (arXiv 1603.09320), by pgvector. An index is partial, of one version, and in half precision:
half the memory, and what it finds is compared exactly afterwards.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa

from catalog import locks

WORTH_IT = 5000
"""Vectors from which an index is faster than comparing all."""
WIDEST = 4000
"""Numbers that an index in half precision can hold."""
LARGEST_MEMORY_MB = 1024
THOROUGH = 128
"""`ef_construction`; of a hundred photos' ten nearest, 64 leaves out one more, however long one looks for them."""
_NAME = re.compile(r"ix_(embeddings|product_texts)_hnsw_[0-9a-z]+")


@dataclass(frozen=True, slots=True)
class Wanted:
    """An index of the rows of `table` whose `column` is `which`, a number or letters and digits."""

    table: str
    column: str
    which: str
    width: int
    rows: int

    @property
    def name(self) -> str:
        return f"ix_{self.table}_hnsw_{self.which}"

    @property
    def statement(self) -> str:
        return (
            f"CREATE INDEX CONCURRENTLY {self.name} ON {self.table} USING hnsw "
            f"((embedding::halfvec({self.width})) halfvec_cosine_ops) WITH (ef_construction = {THOROUGH}) "
            f"WHERE {self.column} = '{self.which}'"
        )

    @property
    def memory_mb(self) -> int:
        """What building it takes; with less pgvector becomes slow."""
        return min(LARGEST_MEMORY_MB, 64 + self.rows * (2 * self.width + 400) // 2**20)


def keep(engine: sa.Engine, on_begin: Callable[[Wanted], None] = lambda _: None) -> list[Wanted]:
    """Make what is missing, drop what is of no more use; returns what was made.

    Readers and writers go on meanwhile. Where another process is at it, nothing is done. An index of a version that
    was retired stays as long as its vectors: the way back. A role without the rights of the tables' owner leaves it all
    to the keeper.
    """
    with locks.indexing(engine) as lock:
        if lock is None:
            return []
        connection = lock.connection.execution_options(isolation_level="AUTOCOMMIT")
        if not connection.scalar(_MAY_INDEX):
            return []
        there = {row.name: row.valid for row in connection.execute(_THERE) if _NAME.fullmatch(row.name)}
        useful = set(connection.scalars(_USEFUL))
        for name, valid in there.items():
            if name not in useful or not valid:  # what a killed process began is not valid
                connection.exec_driver_sql(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
        found = [one for one in _wanted(connection) if not there.get(one.name)]
        for one in found:
            on_begin(one)
            connection.exec_driver_sql(f"SET maintenance_work_mem = '{one.memory_mb}MB'")
            # The machine has other work, and a server in a container mostly lacks the shared memory.
            connection.exec_driver_sql("SET max_parallel_maintenance_workers = 0")
            connection.exec_driver_sql(one.statement)
        return found


def _wanted(connection: sa.Connection) -> list[Wanted]:
    """Of what serves and is large enough; counting ends there."""
    parameters = {"enough": WORTH_IT, "widest": WIDEST}
    photos = connection.execute(_OF_PHOTOS, parameters).all()
    texts = connection.execute(_OF_TEXTS, parameters).all()
    return [
        *(Wanted("embeddings", "model_version_id", str(row.id), row.width, row.rows) for row in photos),
        *(Wanted("product_texts", "model", row.model, row.width, row.rows) for row in texts),
    ]


_MAY_INDEX = sa.text("SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = 'embeddings'::regclass")

_THERE = sa.text(
    """
    SELECT c.relname AS name, i.indisvalid AS valid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
    WHERE i.indrelid IN ('embeddings'::regclass, 'product_texts'::regclass)
    """
)

_USEFUL = sa.text(
    """
    SELECT 'ix_embeddings_hnsw_' || id FROM model_versions
    WHERE task = 'embed' AND (state = 'serving' OR (state = 'retired' AND collected_at IS NULL))
    UNION ALL SELECT 'ix_product_texts_hnsw_' || model FROM text_catch_ups WHERE model <> ''
    """
)

_OF_PHOTOS = sa.text(
    """
    SELECT m.id, one.width, (SELECT reltuples::bigint FROM pg_class WHERE oid = 'embeddings'::regclass) AS rows
    FROM serving_versions m
    CROSS JOIN LATERAL (SELECT vector_dims(e.embedding) AS width FROM embeddings e
                        WHERE e.model_version_id = m.id LIMIT 1) one
    WHERE m.task = 'embed' AND one.width <= :widest
      AND (SELECT count(*) FROM (SELECT FROM embeddings e WHERE e.model_version_id = m.id LIMIT :enough) counted)
          = :enough
    """
)

_OF_TEXTS = sa.text(
    """
    SELECT c.model, one.width, (SELECT reltuples::bigint FROM pg_class WHERE oid = 'product_texts'::regclass) AS rows
    FROM text_catch_ups c
    CROSS JOIN LATERAL (SELECT vector_dims(t.embedding) AS width FROM product_texts t
                        WHERE t.model = c.model LIMIT 1) one
    WHERE c.model ~ '^[0-9a-z]{1,32}$' AND one.width <= :widest
      AND (SELECT count(*) FROM (SELECT FROM product_texts t WHERE t.model = c.model LIMIT :enough) counted) = :enough
    """
)
