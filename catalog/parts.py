"""The roles that the parts of the running system log in as: each may do what it needs. `catalog.grants` says what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import sqlalchemy as sa
from psycopg2.extensions import encrypt_password
from psycopg2.sql import SQL, Composable, Identifier, Literal

from catalog import grants, roles
from catalog.errors import RoleRefused
from catalog.locks import hold_schema
from catalog.readers import VIEWS

PARTS = grants.PARTS
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
        *place.rights(part, _owners(connection)),
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
        roles.text(connection, one) for part in there for one in place.rights(part, _owners(connection))
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
    user: str
    server: int

    def role(self, part: str) -> str:
        if part not in PARTS:
            raise RoleRefused(f"{part!r} is no part of the system; parts are {', '.join(PARTS)}")
        return f"{self.database}_{part}"

    def mark(self, part: str) -> str:
        return f"Tagmill's {part} of database {self.database}"

    def rights(self, part: str, owners: Mapping[str, str]) -> Iterator[Composable]:
        """On the relations that are there, by their owners. Taken away and given anew, so that a release may also take
        some away.
        """
        role, schema, database = map(Identifier, (self.role(part), self.schema, self.database))
        yield SQL("GRANT CONNECT ON DATABASE {} TO {}").format(database, role)
        yield SQL("REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC").format(database)
        yield SQL("GRANT USAGE ON SCHEMA {} TO {}").format(schema, role)
        yield SQL("REVOKE CREATE ON SCHEMA {} FROM PUBLIC").format(schema)
        if part in grants.TEMPORARY:
            yield SQL("GRANT TEMPORARY ON DATABASE {} TO {}").format(database, role)
        yield from self._owning(part, owners)
        yield SQL("REVOKE ALL ON ALL TABLES IN SCHEMA {} FROM {}").format(schema, role)
        views = VIEWS if part in grants.SEE_RESULTS else grants.OF_WORK
        given = [(view, "SELECT") for view in views]
        given += grants.of(part, maintain=self.server >= _MAINTAIN_SINCE)
        for relation, what in given:
            if relation in owners:
                yield SQL(f"GRANT {what} ON {{}} TO {{}}").format(Identifier(self.schema, relation), role)

    def _owning(self, part: str, owners: Mapping[str, str]) -> Iterator[Composable]:
        """Whoever owns the other tables stays able to do with these what an owner may."""
        tables, role = grants.owned(part), Identifier(self.role(part))
        if not tables:
            return
        owner = owners.get("products", self.user)
        yield SQL("GRANT CREATE ON SCHEMA {} TO {}").format(Identifier(self.schema), role)
        yield SQL("GRANT {} TO {} WITH INHERIT TRUE, SET TRUE").format(role, Identifier(owner))
        for table in tables:
            if owners.get(table, self.role(part)) != self.role(part):
                yield SQL("ALTER TABLE {} OWNER TO {}").format(Identifier(self.schema, table), role)


def _owners(connection: sa.Connection) -> dict[str, str]:
    """By table and view."""
    return {row.relation: row.owner for row in connection.execute(_OWNERS)}


def _place(connection: sa.Connection) -> _Place:
    return _Place(*connection.execute(_HERE).one())


_HERE = sa.text(
    "SELECT current_database(), current_schema(), current_user, current_setting('server_version_num')::int"
)

_OWNERS = sa.text(
    """
    SELECT c.relname AS relation, pg_get_userbyid(c.relowner) AS owner FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p', 'v')
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
