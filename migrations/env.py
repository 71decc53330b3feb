"""Alembic's environment: one migrator at a time, and no waiting for ever on a lock."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context

from catalog.locks import hold_schema
from catalog.parts import grant_all
from catalog.readers import grant_views
from catalog.tables import Base

LOCK_TIMEOUT = "10s"


def migrate(connection: sa.Connection) -> None:
    """Run the migrations in one transaction, under an advisory lock that a second migrator waits for."""
    context.configure(connection=connection, target_metadata=Base.metadata, compare_server_default=True)
    with context.begin_transaction():
        hold_schema(connection)
        connection.execute(sa.text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'"))
        # The revision is read under the lock: whoever waited sees what the first migrator did.
        context.run_migrations()
        grant_views(connection)
        grant_all(connection)


migrate(context.config.attributes["connection"])
