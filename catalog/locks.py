"""The advisory locks of the catalog, which Postgres drops with the connection that took them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import sqlalchemy as sa
from psycopg2.errors import LockNotAvailable
from sqlalchemy.exc import DBAPIError, OperationalError

_SCHEMA, _SWEEP, _UPLOADS, _TRAINING = 7246645, 7246646, 7246647, 7246648


def hold_schema(connection: sa.Connection) -> None:
    """Nobody else changes the schema, or who may read it, until the transaction ends; waits for whoever does."""
    connection.execute(sa.text(f"SELECT pg_advisory_xact_lock({_SCHEMA})"))


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
    lost, so is the commit. Where the block fails the connection is closed, and the lock with it.
    """
    with engine.connect() as connection:
        try:
            connection.execute(sa.text(f"SELECT pg_advisory_lock_shared({_UPLOADS})"))
            connection.commit()
            yield connection
            connection.execute(sa.text(f"SELECT pg_advisory_unlock_shared({_UPLOADS})"))
            connection.commit()
        except BaseException:
            connection.invalidate()
            raise


@dataclass(frozen=True, slots=True)
class Training:
    """The right to be the only scheduled training; it is lost with the session, as when Postgres starts anew."""

    connection: sa.Connection

    def holds(self) -> bool:
        """Whether it is still ours. Not where Postgres does not answer, or answers on another session by now."""
        try:
            found = bool(self.connection.scalar(_HOLDS_TRAINING))
            self.connection.commit()
        except DBAPIError:
            self.connection.rollback()
            return False
        return found


_HOLDS_TRAINING = sa.text(
    f"""
    SELECT EXISTS (
        SELECT FROM pg_locks WHERE locktype = 'advisory' AND classid = 0 AND objid = {_TRAINING} AND objsubid = 1
        AND pid = pg_backend_pid() AND granted
    )
    """
)


@contextmanager
def training(engine: sa.Engine) -> Iterator[Training | None]:
    """The right to train until the block ends, None where another has it; the lock belongs to the session."""
    with engine.connect() as connection:
        try:
            free = bool(connection.scalar(sa.text(f"SELECT pg_try_advisory_lock({_TRAINING})")))
            connection.commit()  # a training takes hours: it keeps no transaction open
            yield Training(connection) if free else None
        finally:
            with suppress(
                DBAPIError
            ):  # Postgres itself may take a moment to notice that the connection is closed
                connection.execute(sa.text(f"SELECT pg_advisory_unlock({_TRAINING})"))
            connection.invalidate()


def nobody_trains(connection: sa.Connection) -> bool:
    """Whether no scheduled training is under way just now."""
    return bool(connection.scalar(sa.text(f"SELECT pg_try_advisory_xact_lock({_TRAINING})")))


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
