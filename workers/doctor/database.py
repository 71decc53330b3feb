"""Postgres: version, schema, durability, connections, clock."""

from __future__ import annotations

import time
from collections.abc import Iterator

import sqlalchemy as sa

from catalog import migrate
from workers.doctor.finding import Finding, judge
from workers.runtime import Runtime

_SETTINGS = ("fsync", "synchronous_commit", "full_page_writes")
_OLDEST = 160000
_SKEW_SECONDS = 2.0


def check(runtime: Runtime) -> Iterator[Finding]:
    with runtime.engine.connect() as connection:
        connection.execute(sa.text("SET statement_timeout = '10s'"))
        yield _version(connection)
        yield _schema(runtime)
        yield from _durability(connection)
        yield _connections(connection)
        yield _clock(connection)


def _version(connection: sa.Connection) -> Finding:
    number = int(connection.scalar(sa.text("SHOW server_version_num")))
    vector = connection.scalar(sa.text("SELECT extversion FROM pg_extension WHERE extname = 'vector'"))
    return judge(
        "postgres_version",
        number >= _OLDEST and vector is not None,
        f"Postgres {number // 10000}, pgvector {vector or 'missing'}",
        "Use Postgres 16 or newer with the extension `vector`, then run `tagmill migrate`.",
        "fail",
    )


def _schema(runtime: Runtime) -> Finding:
    found, wanted = migrate.current(runtime.engine), migrate.head()
    return judge(
        "schema",
        found == wanted,
        f"schema {found or 'missing'}, this release has {wanted}",
        "Run `tagmill migrate`; if the schema is newer than this release, upgrade Tagmill.",
        "fail",
    )


def _durability(connection: sa.Connection) -> Iterator[Finding]:
    for name in _SETTINGS:
        value = connection.scalar(sa.text(f"SHOW {name}"))
        yield judge(
            "postgres_durability",
            value != "off",
            f"{name} is {value}",
            f"Set {name} = on: what is committed must survive a power cut.",
            "fail",
        )


def _connections(connection: sa.Connection) -> Finding:
    used = int(
        connection.scalar(
            sa.text("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'")
        )
    )
    most = int(connection.scalar(sa.text("SHOW max_connections")))
    return judge(
        "postgres_connections",
        used < 0.85 * most,
        f"{used} of {most} connections are used",
        "Raise max_connections: a worker process uses up to 4.",
    )


def _clock(connection: sa.Connection) -> Finding:
    before = time.time()
    theirs = float(connection.scalar(sa.text("SELECT extract(epoch FROM clock_timestamp())")))
    skew = abs(theirs - (before + time.time()) / 2)
    return judge(
        "clock",
        skew <= _SKEW_SECONDS,
        f"this machine's clock and that of Postgres differ by {skew:.1f} s",
        "Turn on time synchronisation. Leases go by Postgres' clock alone, so no work is at risk; logs mislead.",
    )
