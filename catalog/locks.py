"""The advisory locks of the catalog, which Postgres drops with the connection that took them."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass

import sqlalchemy as sa
from psycopg2.errors import LockNotAvailable
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError

_SCHEMA, _SWEEP, _UPLOADS, _SCHEDULES, _VERSIONS, _EXPORTS, _INDEXES = range(7246645, 7246652)
_DUPLICATES = 7246660


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


def hold_duplicates(connection: sa.Connection) -> None:
    """Nobody else changes which photos are near-duplicates until the transaction ends; waits for whoever does."""
    connection.execute(sa.text(f"SELECT pg_advisory_xact_lock({_DUPLICATES})"))


def versions_stay(connection: sa.Connection) -> None:
    """Which versions serve does not change until the transaction ends: new photos are planned for those that do."""
    connection.execute(sa.text(f"SELECT pg_advisory_xact_lock_shared({_VERSIONS})"))


def nothing_is_planned(connection: sa.Connection) -> None:
    """No new photo is planned for any version until the transaction ends, once those at it are done."""
    may_last(connection)
    connection.execute(sa.text(f"SELECT pg_advisory_xact_lock({_VERSIONS})"))


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
class Turn:
    """The right to be the only one at something; it is lost with the session, as when Postgres starts anew."""

    connection: sa.Connection
    key: int

    def holds(self) -> bool:
        """Whether it is still ours. Not where Postgres does not answer, or answers on another session by now."""
        try:
            found = bool(self.connection.scalar(_HOLDS_TURN, {"key": self.key}))
            self.connection.commit()
        except (
            SQLAlchemyError
        ):  # also where Ctrl-C came in the midst of a look, and the connection was given up
            with suppress(SQLAlchemyError):
                self.connection.rollback()
            return False
        return found


# Looked at, not taken: whoever has a turn just now must not be kept from it.
_OF_LOCK = """
    SELECT EXISTS (
        SELECT FROM pg_locks WHERE locktype = 'advisory' AND (classid::bigint << 32) + objid::bigint = :key
        AND objsubid = 1 AND granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) {whose}
    )
"""
_HELD = sa.text(_OF_LOCK.format(whose=""))
_HOLDS_TURN = sa.text(_OF_LOCK.format(whose="AND pid = pg_backend_pid()"))


def turn(engine: sa.Engine, schedule: str) -> AbstractContextManager[Turn | None]:
    """The right to do what a schedule asks, until the block ends; None where another has it."""
    return _turn(engine, _named(_SCHEDULES, schedule))


def exporting(engine: sa.Engine, place: str) -> AbstractContextManager[Turn | None]:
    """The right to export to `place`, until the block ends; None where another has it."""
    return _turn(engine, _named(_EXPORTS, place))


def indexing(engine: sa.Engine) -> AbstractContextManager[Turn | None]:
    """The right to make and drop indexes of vectors, until the block ends; None where another has it."""
    return _turn(engine, _named(_INDEXES, "vectors"))


def _named(lock: int, name: str) -> int:
    """The number of one of many locks of a kind."""
    return (lock << 32) + zlib.crc32(name.encode())


@contextmanager
def _turn(engine: sa.Engine, number: int) -> Iterator[Turn | None]:
    """The lock belongs to the session: what is done takes hours, and keeps no transaction open."""
    key = {"key": number}
    with engine.connect() as connection:
        try:
            free = bool(connection.scalar(sa.text("SELECT pg_try_advisory_lock(:key)"), key))
            connection.commit()
            yield Turn(connection, number) if free else None
        finally:
            with suppress(
                DBAPIError
            ):  # Postgres itself may take a moment to notice that the connection is closed
                connection.execute(sa.text("SELECT pg_advisory_unlock(:key)"), key)
            connection.invalidate()


def nobody_at(connection: sa.Connection, schedule: str) -> bool:
    """Whether no process does what a schedule asks just now."""
    return not connection.scalar(_HELD, {"key": _named(_SCHEDULES, schedule)})


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
