"""Roles for downstream SQL: what they may read, what they may not, and whose roles are left alone."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest
import sqlalchemy as sa
from psycopg2.errors import InsufficientPrivilege, QueryCanceled, ReadOnlySqlTransaction

from catalog import migrate, readers
from catalog.errors import RoleRefused, RoleRightsMissing
from catalog.tables import Base
from tests.catalog.shop import add_product, execute, rows

HOSTILE = (
    '"; DROP ROLE tagmill; --',
    "o'neil %s %(name)s",
    "Ünï☃",
    "a:b@c/d?e#f",
    "back\\slash",
    "select",
    "two words",
)


def add(engine: sa.Engine, name: str, timeout: int = 60) -> sa.Engine:
    """A reader of that database; an engine that logs in as it."""
    password = uuid4().hex
    with engine.begin() as connection:
        readers.add(connection, name, password, timeout)
    return sa.create_engine(engine.url.set(username=name, password=password), poolclass=sa.NullPool)


def remove(engine: sa.Engine, name: str) -> None:
    readers.remove(engine, name)


def names(engine: sa.Engine) -> list[str]:
    with engine.connect() as connection:
        return [reader.name for reader in readers.every(connection)]


def refused(reader: sa.Engine, statement: str, error: type[Exception] = InsufficientPrivilege) -> None:
    with pytest.raises(sa.exc.DBAPIError) as raised, reader.connect() as connection:
        connection.exec_driver_sql(statement)
    assert isinstance(raised.value.orig, error), statement


@pytest.fixture
def name() -> str:
    """Roles belong to the cluster, so each test has names of its own."""
    return f"reader {uuid4().hex}"


@pytest.fixture
def other(server: sa.Engine) -> Iterator[sa.Engine]:
    """A second Tagmill database in the same cluster."""
    database = f"other_{uuid4().hex}"
    with server.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {database}"))
    engine = sa.create_engine(server.url.set(database=database), poolclass=sa.NullPool)
    migrate.upgrade(engine)
    yield engine
    with server.connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE {database} WITH (FORCE)"))


def test_a_reader_reads_each_documented_view_and_no_table(engine: sa.Engine, name: str) -> None:
    add_product(engine, "A")
    reader = add(engine, name)
    assert rows(reader, "SELECT sku FROM product_details") == [("A",)]
    for view in readers.VIEWS:
        rows(reader, f"SELECT * FROM {view}")
    for table in (*Base.metadata.tables, "alembic_version"):
        refused(reader, f"SELECT * FROM {table}")
    refused(reader, "SELECT secret FROM webhooks")


def test_every_view_of_the_schema_is_granted(engine: sa.Engine) -> None:
    assert set(sa.inspect(engine).get_view_names()) == set(readers.VIEWS)


def test_a_reader_cannot_write_even_where_it_turns_the_read_only_default_off(
    engine: sa.Engine, name: str
) -> None:
    reader = add(engine, name)
    refused(reader, "CREATE TEMPORARY TABLE t (n int)", ReadOnlySqlTransaction)
    for statement in (
        "INSERT INTO thresholds VALUES ('m', '', 0.1)",
        "INSERT INTO product_details (sku) VALUES ('B')",
        "UPDATE product_details SET title = ''",
        "DELETE FROM serving_versions",
        "TRUNCATE products",
        "CREATE TABLE mine (n int)",
        "CREATE ROLE another",
        "CREATE TEMPORARY TABLE t (n int)",
        "CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    ):
        refused(reader, f"SET TRANSACTION READ WRITE; {statement}")


def test_a_long_query_is_ended(engine: sa.Engine, name: str) -> None:
    refused(add(engine, name, timeout=1), "SELECT pg_sleep(30)", QueryCanceled)


def test_connections_are_limited(engine: sa.Engine, name: str) -> None:
    reader = add(engine, name)
    held = [reader.connect() for _ in range(readers.CONNECTIONS)]
    with pytest.raises(sa.exc.OperationalError, match="too many connections"):
        reader.connect()
    with engine.connect() as connection:
        assert [found.connections for found in readers.every(connection)] == [readers.CONNECTIONS]
    for connection in held:
        connection.close()


def test_rights_survive_migrations_that_make_views_anew(engine: sa.Engine, name: str) -> None:
    reader = add(engine, name)
    migrate.downgrade(engine, "0004")
    rows(reader, "SELECT * FROM product_tags")
    migrate.upgrade(engine)
    for view in readers.VIEWS:
        rows(reader, f"SELECT * FROM {view}")


def test_migrate_gives_lost_rights_again(engine: sa.Engine, name: str) -> None:
    """As after a restore, whose dump holds no rights."""
    reader = add(engine, name)
    (group,) = rows(
        reader, "SELECT rolname FROM pg_roles WHERE rolname ~ '^tagmill_' AND pg_has_role(oid, 'MEMBER')"
    )
    execute(engine, f'REVOKE SELECT ON product_tags FROM "{group[0]}"')
    refused(reader, "SELECT * FROM product_tags")
    migrate.upgrade(engine)
    rows(reader, "SELECT * FROM product_tags")


def test_adding_again_gives_a_new_password_and_timeout(engine: sa.Engine, name: str) -> None:
    before = add(engine, name)
    after = add(engine, name, timeout=7)
    with pytest.raises(sa.exc.OperationalError, match="password authentication failed"):
        before.connect()
    assert rows(after, "SHOW statement_timeout") == [("7s",)]
    assert names(engine) == [name]


def test_a_reader_of_one_database_is_none_of_another(engine: sa.Engine, other: sa.Engine, name: str) -> None:
    reader = add(engine, name)
    add(other, f"{name} too")
    elsewhere = sa.create_engine(reader.url.set(database=other.url.database), poolclass=sa.NullPool)
    for view in readers.VIEWS:
        refused(elsewhere, f"SELECT * FROM {view}")
    assert names(other) == [f"{name} too"]
    for act in (add, remove):
        with pytest.raises(RoleRefused, match="this database"):
            act(other, name)
    assert rows(reader, "SELECT * FROM product_tags") == []


def test_roles_that_tagmill_did_not_make_are_left_alone(engine: sa.Engine, name: str) -> None:
    group = rows(
        add(engine, f"{name} first"),
        "SELECT rolname FROM pg_roles WHERE rolname LIKE 'tagmill_reader_%' AND pg_has_role(oid, 'MEMBER')",
    )[0][0]
    execute(engine, f'CREATE ROLE "{name}" LOGIN PASSWORD \'theirs\' IN ROLE "{group}"')
    password = rows(engine, "SELECT rolpassword FROM pg_authid WHERE rolname = :name", name=name)
    for stranger in (name, group, engine.url.username or ""):
        for act in (add, remove):
            with pytest.raises(RoleRefused):
                act(engine, stranger)
    assert rows(engine, "SELECT rolpassword FROM pg_authid WHERE rolname = :name", name=name) == password
    assert names(engine) == [f"{name} first"]
    execute(engine, f'DROP ROLE "{name}"')


@pytest.mark.parametrize("hostile", HOSTILE)
def test_any_name_is_only_a_name(engine: sa.Engine, hostile: str) -> None:
    reader = add(engine, hostile)
    assert rows(reader, "SELECT current_user") == [(hostile,)]
    assert names(engine) == [hostile]
    remove(engine, hostile)
    assert names(engine) == []


@pytest.mark.parametrize("bad", ["", "x" * 64, "ü" * 32, "pg_reader", "public", "none", "an\udce4na", "a\0b"])
def test_what_cannot_be_a_name_is_refused(engine: sa.Engine, bad: str) -> None:
    with pytest.raises(RoleRefused, match="cannot be a role's name"):
        add(engine, bad)
    with pytest.raises(RoleRefused):
        remove(engine, bad)


def test_the_group_is_no_reader(engine: sa.Engine) -> None:
    with pytest.raises(RoleRefused, match="group of all readers"):
        add(engine, f"tagmill_reader_{engine.url.database}")


def test_no_hash_is_in_an_error(engine: sa.Engine, name: str) -> None:
    add(engine, name)
    with engine.begin() as other:
        other.exec_driver_sql(f"ALTER ROLE \"{name}\" SET work_mem = '64MB'")
        with engine.connect() as connection:
            connection.exec_driver_sql("SET LOCAL lock_timeout = '100ms'")
            with pytest.raises(RoleRefused, match="lock timeout") as raised:
                readers.add(connection, name, "sesame", 60)
    assert "SCRAM" not in str(raised.value)


def test_whoever_is_removed_reads_nothing_more(engine: sa.Engine, name: str) -> None:
    reader = add(engine, name)
    with reader.connect() as connection:
        connection.exec_driver_sql("SELECT * FROM product_tags")
        connection.rollback()
        remove(engine, name)
        with pytest.raises(sa.exc.OperationalError, match=r"terminat|closed the connection"):
            connection.exec_driver_sql("SELECT * FROM product_tags")
        connection.invalidate()
    with pytest.raises(RoleRefused, match="there is no reader"):
        remove(engine, name)


def test_what_a_reader_owns_does_not_keep_it(engine: sa.Engine, name: str) -> None:
    reader = add(engine, name)
    execute(engine, f'GRANT SELECT ON products TO "{name}"')
    with reader.connect() as connection:
        connection.exec_driver_sql("SET TRANSACTION READ WRITE; SELECT lo_create(0)")
        connection.commit()
        remove(engine, name)
        connection.invalidate()
    assert rows(engine, "SELECT rolname FROM pg_roles WHERE rolname = :name", name=name) == []


def test_who_cannot_be_dropped_is_shut_out(engine: sa.Engine, other: sa.Engine, name: str) -> None:
    reader = add(engine, name)
    execute(other, f'GRANT SELECT ON products TO "{name}"')
    with reader.connect() as connection:
        connection.exec_driver_sql("SELECT * FROM product_tags")
        with pytest.raises(RoleRefused, match=r"can log in no more.*role is left.*take that away first"):
            remove(engine, name)
        with pytest.raises(sa.exc.OperationalError):
            connection.exec_driver_sql("SELECT * FROM product_tags")
        connection.invalidate()
    with pytest.raises(sa.exc.OperationalError, match="not permitted to log in"):
        reader.connect()
    assert names(engine) == [name]
    execute(other, f'REVOKE SELECT ON products FROM "{name}"')
    remove(engine, name)
    assert names(engine) == []


def test_without_createrole_an_administrator_runs_the_sql(server: sa.Engine, name: str) -> None:
    """The database's owner is no superuser, as where Postgres is rented."""
    owner, database = f"owner_{uuid4().hex}", f"owned_{uuid4().hex}"
    with server.connect() as connection:
        connection.exec_driver_sql(f"CREATE ROLE {owner} LOGIN PASSWORD 'secret'")
        connection.exec_driver_sql(f"CREATE DATABASE {database} OWNER {owner}")
    admin = sa.create_engine(server.url.set(database=database), poolclass=sa.NullPool)
    execute(admin, "CREATE EXTENSION vector")
    engine = sa.create_engine(admin.url.set(username=owner, password="secret"), poolclass=sa.NullPool)
    migrate.upgrade(engine)
    with pytest.raises(RoleRightsMissing, match="CREATEROLE"):
        add(engine, name)
    with engine.connect() as connection:
        statements = readers.script(connection, name, "open sesame", 60)
    assert "sesame" not in "".join(statements)
    with admin.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    reader = sa.create_engine(admin.url.set(username=name, password="open sesame"), poolclass=sa.NullPool)
    migrate.downgrade(engine, "0004")
    migrate.upgrade(engine)  # the owner gives the rights again
    assert rows(reader, "SELECT * FROM product_results") == []
    with pytest.raises(RoleRightsMissing, match="DROP ROLE"):
        remove(engine, name)

    execute(admin, f"ALTER ROLE {owner} CREATEROLE")
    with pytest.raises(RoleRightsMissing):
        add(engine, name)  # an administrator's role stays an administrator's
    execute(admin, f'DROP ROLE "{name}"')
    with admin.begin() as connection:
        connection.exec_driver_sql(f"DROP OWNED BY tagmill_reader_{database}")
        connection.exec_driver_sql(f"DROP ROLE tagmill_reader_{database}")
    assert rows(add(engine, name), "SELECT * FROM product_tags") == []
    remove(engine, name)
    with server.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE {database} WITH (FORCE)")
        connection.exec_driver_sql(f"DROP ROLE tagmill_reader_{database}")
        connection.exec_driver_sql(f"DROP ROLE {owner}")
