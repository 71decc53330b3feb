"""Alembic's environment: one migrator at a time, and no waiting for ever on a lock."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context

from catalog.tables import Base

MIGRATION_LOCK = 7_246_645  # any constant shared by all migrators
LOCK_TIMEOUT = "10s"


def migrate(connection: sa.Connection) -> None:
    """Run the migrations in one transaction, under an advisory lock that a second migrator waits for."""
    context.configure(connection=connection, target_metadata=Base.metadata, compare_server_default=True)
    with context.begin_transaction():
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
        connection.execute(sa.text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'"))
        # The revision is read under the lock: whoever waited sees what the first migrator did.
        context.run_migrations()


migrate(context.config.attributes["connection"])
