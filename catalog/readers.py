"""Readers: roles that may read the documented views of one database, and nothing else.

Roles belong to the whole cluster, databases do not. So each database has a group of its own, which holds the rights;
readers are its members.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256

import sqlalchemy as sa
from psycopg2.extensions import encrypt_password
from psycopg2.sql import SQL, Composable, Identifier, Literal

from catalog import roles
from catalog.errors import RoleRefused, RoleRightsMissing
from catalog.locks import hold_schema

VIEWS = (
    "product_details",
    "product_tags",
    "product_detections",
    "product_segments",
    "product_embeddings",
    "product_facts",
    "product_scores",
    "product_verdicts",
    "product_categories",
    "product_mismatches",
    "near_duplicate_groups",
    "product_results",
    "product_overrides",
    "serving_versions",
    "job_progress",
    "failures",
)
CONNECTIONS = 8
IDLE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Reader:
    """A role of this database; `connections` are those it has open just now."""

    name: str
    statement_timeout: str
    connections: int


def add(connection: sa.Connection, name: str, password: str, timeout_seconds: int) -> bool:
    """Make a reader, or give one that is there this password and timeout; True where it is new.

    Raises RoleRefused, RoleRightsMissing.
    """
    hold_schema(connection)
    statements = script(connection, name, password, timeout_seconds)
    new = not roles.exists(connection, name)
    roles.run(connection, statements, "what `tagmill readers add` prints with --sql")
    return new


def remove(engine: sa.Engine, name: str) -> None:
    """Shut a reader out, which is committed, then end its sessions and drop it.

    What it owned belongs to the database's user from then on. Raises RoleRefused, RoleRightsMissing.
    """
    roles.check_name(name)
    with engine.begin() as connection:
        place = _place(connection)
        if not roles.is_marked(connection, name, place.mark):
            raise RoleRefused(f"there is no reader {name!r} of this database; see `tagmill readers list`")
        grantors = connection.scalars(_GRANTORS, {"name": name, "group": place.group}).all()
        shut = [roles.text(connection, statement) for statement in place.shut(name, grantors)]
        drop = [roles.text(connection, statement) for statement in roles.dropped(name)]
        roles.run(connection, shut, "; ".join(shut + drop))
    try:
        with engine.begin() as connection:
            roles.run(connection, drop, "; ".join(drop))
    except (RoleRefused, RoleRightsMissing) as error:
        raise type(error)(
            f"{name!r} can log in no more and may not read the views, but its role is left: {error}"
        ) from None


def every(connection: sa.Connection) -> list[Reader]:
    """The readers of this database by name."""
    return [Reader(*row) for row in connection.execute(_READERS, {"mark": _place(connection).mark})]


def script(connection: sa.Connection, name: str, password: str, timeout_seconds: int) -> list[str]:
    """The statements that make a reader, for whoever may make roles; the password is in them as a hash only.

    Raises RoleRefused.
    """
    place, role = _place(connection), Identifier(name)
    if name == place.group:
        raise RoleRefused(f"{name!r} is what the group of all readers is called; choose another name")
    roles.check(connection, name, place.mark)
    roles.check(connection, place.group, place.group_mark)
    hashed = encrypt_password(password, name, scope=roles.driver(connection), algorithm="scram-sha-256")
    login = SQL("ALTER ROLE {} LOGIN PASSWORD {} CONNECTION LIMIT {}")
    limits = {
        "default_transaction_read_only": "on",
        "statement_timeout": f"{timeout_seconds}s",
        "idle_in_transaction_session_timeout": f"{IDLE_SECONDS}s",
    }
    statements = [
        *roles.made(connection, place.group, place.group_mark),
        *place.grants(),
        *roles.made(connection, name, place.mark),
        login.format(role, Literal(hashed), Literal(CONNECTIONS)),
        SQL("GRANT {} TO {}").format(Identifier(place.group), role),
        *(SQL(f"ALTER ROLE {{}} SET {key} = {{}}").format(role, Literal(to)) for key, to in limits.items()),
    ]
    return [roles.text(connection, statement) for statement in statements]


def grant_views(connection: sa.Connection) -> None:
    """Let this database's readers read views that were made anew; nothing where it has none."""
    place = _place(connection)
    found = [view for view in sa.inspect(connection).get_view_names() if view in VIEWS]
    if found and roles.is_marked(connection, place.group, place.group_mark):
        roles.run(
            connection, [roles.text(connection, place.select(found))], "`tagmill migrate` as the views' owner"
        )


@dataclass(frozen=True, slots=True)
class _Place:
    database: str
    schema: str

    @property
    def group(self) -> str:
        name = f"tagmill_reader_{self.database}"
        if len(name.encode()) <= roles.LONGEST_NAME:
            return name
        return f"tagmill_reader_{sha256(name.encode()).hexdigest()[:40]}"

    @property
    def group_mark(self) -> str:
        return f"Tagmill's group of readers of database {self.database}"

    @property
    def mark(self) -> str:
        return f"Tagmill's reader of database {self.database}"

    def grants(self) -> Iterator[Composable]:
        """Everybody has the first two, unless an administrator took them away."""
        for right, name in (("CONNECT ON DATABASE", self.database), ("USAGE ON SCHEMA", self.schema)):
            yield SQL(f"GRANT {right} {{}} TO {{}}").format(Identifier(name), Identifier(self.group))
        yield self.select(VIEWS)
        # Else a reader has functions and tables of its own, temporary ones. The database's owner keeps the right.
        yield SQL("REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC").format(Identifier(self.database))

    def shut(self, name: str, grantors: Iterable[str]) -> Iterator[Composable]:
        """A membership is taken away as whoever gave it, else Postgres only warns."""
        role = Identifier(name)
        yield SQL("ALTER ROLE {} NOLOGIN").format(role)
        for grantor in map(Identifier, grantors):
            yield SQL("REVOKE {} FROM {} GRANTED BY {}").format(Identifier(self.group), role, grantor)

    def select(self, views: Iterable[str]) -> Composable:
        named = SQL(", ").join(Identifier(self.schema, view) for view in views)
        return SQL("GRANT SELECT ON {} TO {}").format(named, Identifier(self.group))


def _place(connection: sa.Connection) -> _Place:
    return _Place(*connection.execute(sa.text("SELECT current_database(), current_schema()")).one())


_GRANTORS = sa.text(
    """
    SELECT grantor.rolname FROM pg_auth_members m
    JOIN pg_roles grantor ON grantor.oid = m.grantor
    JOIN pg_roles member ON member.oid = m.member
    JOIN pg_roles given ON given.oid = m.roleid
    WHERE member.rolname = :name AND given.rolname = :group
    """
)

_READERS = sa.text(
    """
    SELECT rolname,
           (SELECT split_part(set, '=', 2) FROM unnest(rolconfig) set WHERE set LIKE 'statement_timeout=%'),
           (SELECT count(*) FROM pg_stat_activity WHERE usesysid = r.oid)
    FROM pg_roles r WHERE shobj_description(r.oid, 'pg_authid') = :mark ORDER BY rolname
    """
)
