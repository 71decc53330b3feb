"""The roles that the parts of the running system log in as: each may do what it needs, and none owns a table.

`catalog.grants` says what that is. The keeper alone has the rights of the tables' owner, since Postgres lets nobody
else make an index; it is shown no photo and no manifest, and cannot become that owner.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import sqlalchemy as sa
from psycopg2.extensions import encrypt_password
from psycopg2.sql import SQL, Composable, Identifier, Literal

from catalog import grants, roles
from catalog.errors import RoleRefused
from catalog.locks import hold_schema
from catalog.readers import VIEWS

KEEPER = "keeper"
PARTS = (*grants.PARTS, KEEPER)
_MAINTAIN_SINCE = 170_000


@dataclass(frozen=True, slots=True)
class Part:
    """A role of this database, and its connections just now."""

    part: str
    name: str
    connections: int


def set_password(connection: sa.Connection, part: str, password: str) -> str:
    """Make the role of a part, or give the one that is there this password; returns the role's name.

    Raises RoleRefused, RoleRightsMissing.
    """
    hold_schema(connection)
    statements = script(connection, part, password)
    roles.run(connection, statements, f"what `tagmill roles set {part}` prints with --sql")
    return role_name(connection, part)


def script(connection: sa.Connection, part: str, password: str) -> list[str]:
    """The statements that make the role, for whoever may make roles; the password is in them as a hash only.

    Raises RoleRefused.
    """
    place = _place(connection)
    name = place.role(part)
    roles.check(connection, name, place.mark(part))
    hashed = encrypt_password(password, name, scope=roles.driver(connection), algorithm="scram-sha-256")
    statements = [
        *roles.made(connection, name, place.mark(part)),
        SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(Identifier(name), Literal(hashed)),
        *place.rights(part, _relations(connection)),
    ]
    return [roles.text(connection, statement) for statement in statements]


def role_name(connection: sa.Connection, part: str) -> str:
    """What the role of a part is called in this database. Raises RoleRefused where there is no such part."""
    return _place(connection).role(part)


def let_worker_ingest(connection: sa.Connection, whether: bool) -> None:
    """The worker may do what an ingest may, as for a manifest that is taken in at night; or no more."""
    place = _place(connection)
    worker, ingest = (Identifier(place.role(part)) for part in ("worker", "ingest"))
    form = "GRANT {} TO {}" if whether else "REVOKE {} FROM {}"
    statement = roles.text(connection, SQL(form).format(ingest, worker))
    roles.run(connection, [statement], statement)


def grant_all(connection: sa.Connection) -> None:
    """Give each role of this database its rights anew, such as on tables that are new; nothing where it has none."""
    place = _place(connection)
    there = [part for part in PARTS if roles.is_marked(connection, place.role(part), place.mark(part))]
    statements = [
        roles.text(connection, one) for part in there for one in place.rights(part, _relations(connection))
    ]
    roles.run(connection, statements, "`tagmill migrate` as the tables' owner")


def every(connection: sa.Connection) -> list[Part]:
    """The roles of this database."""
    place = _place(connection)
    marks = {place.mark(part): part for part in PARTS}
    found = connection.execute(_THERE, {"marks": list(marks)})
    return [Part(marks[row.mark], row.name, row.connections) for row in found]


def remove(connection: sa.Connection, part: str) -> None:
    """End the role's sessions and drop it. Raises RoleRefused, RoleRightsMissing."""
    place = _place(connection)
    name = place.role(part)
    if not roles.is_marked(connection, name, place.mark(part)):
        raise RoleRefused(f"there is no role of the part {part!r}; see `tagmill roles list`")
    drop = [roles.text(connection, statement) for statement in roles.dropped(name)]
    roles.run(connection, drop, "; ".join(drop))


@dataclass(frozen=True, slots=True)
class _Place:
    database: str
    schema: str
    owner: str
    server: int
    kept: bool

    def role(self, part: str) -> str:
        if part not in PARTS:
            raise RoleRefused(f"{part!r} is no part of the system; parts are {', '.join(PARTS)}")
        return f"{self.database}_{part}"

    def mark(self, part: str) -> str:
        return f"Tagmill's {part} of database {self.database}"

    def rights(self, part: str, there: Collection[str]) -> Iterator[Composable]:
        """Of the relations that are there. Taken away and given anew, so that a release may also take some away."""
        role, schema, database = map(Identifier, (self.role(part), self.schema, self.database))
        yield SQL("GRANT CONNECT ON DATABASE {} TO {}").format(database, role)
        yield SQL("REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC").format(database)
        yield SQL("GRANT USAGE ON SCHEMA {} TO {}").format(schema, role)
        yield SQL("REVOKE CREATE ON SCHEMA {} FROM PUBLIC").format(schema)
        if part == KEEPER:  # what a superuser may besides is not inherited
            if not self.kept:  # an owner that is no superuser could not say it again
                yield SQL("GRANT {} TO {} WITH INHERIT TRUE, SET FALSE").format(Identifier(self.owner), role)
            return
        if part in grants.TEMPORARY:
            yield SQL("GRANT TEMPORARY ON DATABASE {} TO {}").format(database, role)
        yield SQL("REVOKE ALL ON ALL TABLES IN SCHEMA {} FROM {}").format(schema, role)
        given = [(view, "SELECT") for view in VIEWS]
        given += grants.of(part, maintain=self.server >= _MAINTAIN_SINCE)
        for relation, what in given:
            if relation in there:
                yield SQL(f"GRANT {what} ON {{}} TO {{}}").format(Identifier(self.schema, relation), role)


def _relations(connection: sa.Connection) -> set[str]:
    found = sa.inspect(connection)
    return {*found.get_table_names(), *found.get_view_names()}


def _place(connection: sa.Connection) -> _Place:
    return _Place(*connection.execute(_HERE).one())


_HERE = sa.text(
    f"""
    SELECT current_database(), current_schema(), o.name, current_setting('server_version_num')::int,
           EXISTS (SELECT FROM pg_auth_members m JOIN pg_roles owner ON owner.oid = m.roleid
                   JOIN pg_roles member ON member.oid = m.member
                   WHERE owner.rolname = o.name AND member.rolname = current_database() || '_{KEEPER}')
    FROM (SELECT coalesce((SELECT tableowner FROM pg_tables WHERE schemaname = current_schema()
                           AND tablename = 'products'), current_user) AS name) o
    """
)

_THERE = sa.text(
    """
    SELECT r.rolname AS name, d.description AS mark,
           (SELECT count(*) FROM pg_stat_activity a WHERE a.usesysid = r.oid) AS connections
    FROM pg_roles r JOIN pg_shdescription d ON d.objoid = r.oid AND d.classoid = 'pg_authid'::regclass
    WHERE d.description = ANY(:marks) ORDER BY r.rolname
    """
)
