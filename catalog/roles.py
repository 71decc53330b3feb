"""Roles of Postgres as Tagmill makes them: each bears a comment, its mark, and one without it is never touched."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import cast

import psycopg2
import sqlalchemy as sa
from psycopg2.errors import DependentObjectsStillExist, InsufficientPrivilege
from psycopg2.sql import SQL, Composable, Identifier, Literal

from catalog.errors import RoleRefused, RoleRightsMissing
from models.errors import first_line

SESSION_END_MS = 5000
LONGEST_NAME = 63  # bytes; Postgres would cut the rest off without an error


def check(connection: sa.Connection, name: str, mark: str) -> None:
    """Raises RoleRefused where no role may be called so, or one is that does not bear the mark."""
    check_name(name)
    if exists(connection, name) and not is_marked(connection, name, mark):
        raise RoleRefused(
            f"there is a role {name!r} that Tagmill did not make for this database, so it is left alone; "
            "choose another name, or have an administrator rename it"
        )


def check_name(name: str) -> None:
    """Raises RoleRefused where no role may be called so."""
    try:
        size = len(name.encode())
    except UnicodeEncodeError:  # bytes of a command line that are no UTF-8
        size = 0
    if not 0 < size <= LONGEST_NAME or "\0" in name or name.startswith("pg_") or name in ("public", "none"):
        raise RoleRefused(
            f"{name!r} cannot be a role's name: take 1 to {LONGEST_NAME} bytes of UTF-8 that do not begin with pg_"
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


def dropped(name: str) -> Iterator[Composable]:
    """The statements that end a role's sessions and drop it; what it owned belongs to the user who runs them."""
    role = Identifier(name)
    yield SQL("GRANT {} TO CURRENT_USER").format(role)  # who is no superuser needs it for what follows
    yield SQL("SELECT pg_terminate_backend(pid, {}) FROM pg_stat_activity WHERE usename = {}").format(
        Literal(SESSION_END_MS), Literal(name)
    )
    for statement in ("REASSIGN OWNED BY {} TO CURRENT_USER", "DROP OWNED BY {}", "DROP ROLE {}"):
        yield SQL(statement).format(role)


def text(connection: sa.Connection, statement: Composable) -> str:
    """The statement with its names and values quoted."""
    return statement.as_string(driver(connection))


def driver(connection: sa.Connection) -> psycopg2.extensions.connection:
    """The driver's own connection, which knows how to quote and to hash."""
    return cast(psycopg2.extensions.connection, connection.connection.dbapi_connection)


def run(connection: sa.Connection, statements: Iterable[str], remedy: str) -> None:
    """Execute statements about roles; `remedy` is what an administrator may run instead.

    Raises RoleRightsMissing, and RoleRefused for all else: the driver's own error would show a password's hash.
    """
    try:
        for statement in statements:  # told of no parameters, the driver lets a % in a name be
            connection.exec_driver_sql(statement, execution_options={"no_parameters": True})
    except sa.exc.DBAPIError as error:
        reason = first_line(error.orig or type(error).__name__)
        if isinstance(error.orig, InsufficientPrivilege):
            raise RoleRightsMissing(
                f"the database's user may not do this ({reason}); have an administrator give it CREATEROLE, "
                f"or run this SQL: {remedy}"
            ) from None
        if isinstance(error.orig, DependentObjectsStillExist):
            raise RoleRefused(f"{reason}: it was given something of its own; take that away first") from None
        raise RoleRefused(f"Postgres refused it: {reason}") from None


_MARKED = sa.text(
    "SELECT true FROM pg_roles WHERE rolname = :name AND shobj_description(oid, 'pg_authid') = :mark"
)
