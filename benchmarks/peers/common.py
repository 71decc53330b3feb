"""What all peers share: the arguments, the services, the table, and the line at the end."""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg2
from minio import Minio
from psycopg2.extras import execute_values

CORES = os.cpu_count() or 1
TOP = 5
STALLED = 60.0
"""Seconds without a new row after which a run is given up."""

Row = tuple[str, int, str, float]

CREATE = "CREATE TABLE IF NOT EXISTS peer_tags (key text, rank int, label text, score real)"
INSERT = "INSERT INTO peer_tags (key, rank, label, score) VALUES (%s, %s, %s, %s)"
INSERT_MANY = "INSERT INTO peer_tags (key, rank, label, score) VALUES %s"


@dataclass(frozen=True, slots=True)
class Arguments:
    """What a peer was asked for."""

    keys: tuple[str, ...]
    tuned: bool


def arguments(about: str | None) -> Arguments:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers.<name>", description=about)
    parser.add_argument("--keys", type=Path, required=True, help="a file of object keys, one a line")
    parser.add_argument("--tuned", action="store_true", help="tuned, instead of as documented")
    given = parser.parse_args()
    return Arguments(tuple(given.keys.read_text(encoding="utf-8").split()), given.tuned)


def setting(name: str) -> str:
    return os.environ[f"TAGMILL_{name}"]


def redis_url() -> str:
    """Database 5, so that Tagmill's own queue is left alone."""
    return urlunsplit(urlsplit(setting("REDIS_URL"))._replace(path="/5"))


def minio_client() -> Minio:
    """One a process, after the fork."""
    endpoint = urlsplit(setting("S3_ENDPOINT"))
    return Minio(
        endpoint.netloc,
        access_key=setting("S3_ACCESS_KEY"),
        secret_key=setting("S3_SECRET_KEY"),
        secure=endpoint.scheme == "https",
        region="us-east-1",
    )


def fetch(client: Minio, key: str) -> bytes:
    response = client.get_object(setting("S3_BUCKET"), key)
    try:
        return response.read()
    finally:
        response.close()
        response.release_conn()


def database_dsn() -> str:
    return setting("DATABASE_URL").replace("postgresql+psycopg2://", "postgresql://", 1)


def connect() -> Any:
    """A psycopg2 connection; Any, since peers hand it to libraries with types of their own."""
    return psycopg2.connect(database_dsn())


def insert(connection: Any, rows: Sequence[Row]) -> None:
    """All rows in one statement, and a commit."""
    with connection, connection.cursor() as cursor:
        execute_values(cursor, INSERT_MANY, rows, page_size=len(rows))


def insert_one_by_one(connection: Any, rows: Sequence[Row]) -> None:
    """`executemany`, which psycopg2 sends row by row, and a commit."""
    with connection, connection.cursor() as cursor:
        cursor.executemany(INSERT, rows)


def empty_table() -> None:
    with closing(connect()) as connection, connection, connection.cursor() as cursor:
        cursor.execute(CREATE)
        cursor.execute("TRUNCATE peer_tags")


def count_rows(connection: Any) -> int:
    """How many rows are committed."""
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM peer_tags")
        return int(cursor.fetchone()[0])


def wait_for_rows(photos: int, alive: Callable[[], bool]) -> float:
    """Until all rows are committed, nothing is alive any more or nothing moves; the clock of the last new row."""
    seen, moved = 0, time.time()
    with closing(connect()) as connection:
        while seen < TOP * photos and alive() and time.time() - moved < STALLED:
            time.sleep(0.05)
            if (now := count_rows(connection)) != seen:
                seen, moved = now, time.time()
    return moved


def finish(photos: int, seconds: float) -> int:
    """Prints the result as the last line. The exit code: 0 where each photo has its rows."""
    with closing(connect()) as connection:
        rows = count_rows(connection)
    print(json.dumps({"photos": photos, "seconds": round(seconds, 3), "rows": rows}), flush=True)
    return 0 if rows == TOP * photos else 1
