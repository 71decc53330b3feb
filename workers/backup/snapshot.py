"""One moment of the database, shared between this process and pg_dump."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from workers.backup.errors import BackupError
from workers.backup.manifest import Counts


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Open for as long as the `with` block that made it."""

    id: str
    taken_at: datetime
    revision: str
    connection: sa.Connection

    def counts(self) -> Counts:
        return Counts(**self.connection.execute(_COUNTS).one()._mapping)

    def list_objects(self, path: Path) -> int:
        """Write every key that a row names to `path`, one a line; returns how many. Streams: any number fits."""
        cursor = self.connection.connection.cursor()
        with path.open("wb") as file:
            cursor.copy_expert(_OBJECTS, file)
        return int(cursor.rowcount)


@contextmanager
def snapshot(engine: sa.Engine) -> Iterator[Snapshot]:
    """Hold one moment of the database. Raises BackupError where Tagmill never migrated it."""
    frozen = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    with frozen.connect() as connection:
        # It waits for pg_dump without a word.
        connection.execute(sa.text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        if not connection.scalar(sa.text("SELECT to_regclass('alembic_version')")):
            raise BackupError("the database holds no catalog to back up; is TAGMILL_DATABASE_URL right?")
        revision = connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
        moment = connection.execute(sa.text("SELECT pg_export_snapshot() AS id, now() AS taken_at")).one()
        yield Snapshot(moment.id, moment.taken_at, str(revision), connection)


_COUNTS = sa.text(
    """
    SELECT (SELECT count(*) FROM products) AS products, (SELECT count(*) FROM images) AS images,
           (SELECT count(*) FROM work_items) AS work_items
    """
)

# A mask has a row a label; DISTINCT ON goes along the primary key, a plain DISTINCT would sort all keys.
_OBJECTS = """
    COPY (
        SELECT object_key, bytes FROM images
        UNION ALL
        SELECT mask_key, NULL FROM (
            SELECT DISTINCT ON (image_id, model_version_id) mask_key FROM segments ORDER BY image_id, model_version_id
        ) masks
        UNION ALL
        SELECT DISTINCT spec->>'weights', NULL::bigint FROM model_versions WHERE spec->>'weights' IS NOT NULL
    ) TO STDOUT
"""
