"""The advisory locks of the catalog, which Postgres drops with the connection that took them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from psycopg2.errors import LockNotAvailable
from sqlalchemy.exc import OperationalError

_SWEEP, _UPLOADS = 7246646, 7246647


def try_sweep(connection: sa.Connection) -> bool:
    """The right to sweep, until the transaction ends; False where another has it."""
    return bool(connection.scalar(sa.text(f"SELECT pg_try_advisory_xact_lock({_SWEEP})")))


def hold_sweeps(connection: sa.Connection) -> None:
    """No sweep of any worker until the transaction ends, however long that takes."""
    may_last(connection)
    connection.execute(sa.text(f"SELECT pg_advisory_xact_lock({_SWEEP})"))


@contextmanager
def uploading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A connection to commit on what the block uploads: until it ends, no object is taken for an orphan.

    The lock belongs to the session, not to a transaction, so that a slow upload keeps none open; if the session is
    lost, so is the commit. The connection is closed at the end, and the lock with it.
    """
    with engine.connect() as connection:
        try:
            connection.execute(sa.text(f"SELECT pg_advisory_lock_shared({_UPLOADS})"))
            connection.commit()
            yield connection
        finally:
            connection.invalidate()


def nothing_uploads(connection: sa.Connection, patience: str) -> bool:
    """Keep uploads away until the transaction ends; False where one is still at work after `patience` ("5s")."""
    may_last(connection)
    connection.execute(sa.text(f"SET LOCAL lock_timeout = '{patience}'"))
    try:
        connection.execute(sa.text(f"SELECT pg_advisory_xact_lock({_UPLOADS})"))
    except OperationalError as error:
        if not isinstance(error.orig, LockNotAvailable):
            raise
        return False
    return True


def may_last(connection: sa.Connection) -> None:
    """Let the transaction stay open however long nothing is said on its connection: it guards something slow."""
    connection.execute(sa.text("SET LOCAL idle_in_transaction_session_timeout = 0"))
