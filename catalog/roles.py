"""Roles of Postgres as Tagmill makes them: each bears a comment, its mark, and one without it is never touched."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import cast

import psycopg2
import sqlalchemy as sa
from psycopg2.errors import DependentObjectsStillExist, InsufficientPrivilege
from psycopg2.sql import SQL, Composable, Identifier, Literal

from catalog.errors import ReaderRefused, RoleRightsMissing

LONGEST_NAME = 63  # bytes; Postgres would cut the rest off without an error


def check(connection: sa.Connection, name: str, mark: str) -> None:
    """Raises ReaderRefused where no role may be called so, or one is that does not bear the mark."""
    if not name or len(name.encode()) > LONGEST_NAME or name.startswith("pg_") or name in ("public", "none"):
        raise ReaderRefused(
            f"{name!r} cannot be a role's name: take 1 to {LONGEST_NAME} bytes that do not begin with pg_"
        )
    if exists(connection, name) and not is_marked(connection, name, mark):
        raise ReaderRefused(
            f"there is a role {name!r} that Tagmill did not make for this database, so it is left alone; "
            "choose another name, or have an administrator rename it"
        )


def exists(connection: sa.Connection, name: str) -> bool:
    return bool(connection.scalar(sa.text("SELECT true FROM pg_roles WHERE rolname = :name"), {"name": name}))


def is_marked(connection: sa.Connection, name: str, mark: str) -> bool:
    return bool(connection.scalar(_MARKED, {"name": name, "mark": mark}))


def made(connection: sa.Connection, name: str, mark: str) -> Iterator[Composable]:
    """The statements that make a role which may not log in yet; none where it is there."""
    if not exists(connection, name):
        yield SQL("CREATE ROLE {}").format(Identifier(name))
        yield SQL("COMMENT ON ROLE {} IS {}").format(Identifier(name), Literal(mark))


def text(connection: sa.Connection, statement: Composable) -> str:
    """The statement with its names and values quoted."""
    return statement.as_string(driver(connection))


def driver(connection: sa.Connection) -> psycopg2.extensions.connection:
    """The driver's own connection, which knows how to quote and to hash."""
    return cast(psycopg2.extensions.connection, connection.connection.dbapi_connection)


def run(connection: sa.Connection, statements: Iterable[str], remedy: str) -> None:
    """Execute statements about roles; `remedy` is what an administrator may run instead.

    Raises RoleRightsMissing; ReaderRefused where a role cannot be dropped.
    """
    try:
        for statement in statements:  # told of no parameters, the driver lets a % in a name be
            connection.exec_driver_sql(statement, execution_options={"no_parameters": True})
    except sa.exc.DBAPIError as error:
        reason = str(error.orig).strip().splitlines()[0]
        if isinstance(error.orig, InsufficientPrivilege):
            raise RoleRightsMissing(
                f"the database's user may not do this ({reason}); have an administrator give it CREATEROLE, "
                f"or run this SQL: {remedy}"
            ) from None
        if isinstance(error.orig, DependentObjectsStillExist):
            raise ReaderRefused(
                f"{reason}: it was given something of its own; take that away first"
            ) from None
        raise


_MARKED = sa.text(
    "SELECT true FROM pg_roles WHERE rolname = :name AND shobj_description(oid, 'pg_authid') = :mark"
)
