"""COPY out of Postgres, without a row in Python."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import psycopg2
import sqlalchemy as sa


class Sink(Protocol):
    """Takes what COPY writes: a row a call."""

    def write(self, data: bytes, /) -> object: ...


def copy_out(
    connection: sa.Connection, query: str, parameters: Mapping[str, object], form: str, sink: Sink
) -> int:
    """Write the rows of `query` to `sink` in COPY's form, such as `FORMAT csv, HEADER`; how many they were.

    Raises the SQLAlchemy errors that the query would raise, and what the sink raises.
    """
    compiled = sa.text(query).compile(dialect=connection.dialect)
    raw: Any = connection.connection
    try:
        with raw.cursor() as cursor:
            bound: bytes = cursor.mogrify(str(compiled), compiled.construct_params(parameters))
            cursor.copy_expert(b"COPY (" + bound + f") TO STDOUT ({form}, ENCODING 'UTF8')".encode(), sink)
            return int(cursor.rowcount)
    except psycopg2.Error as error:
        gone = bool(raw.closed)
        raise sa.exc.DBAPIError.instance(
            query, None, error, psycopg2.Error, connection_invalidated=gone
        ) from error
    except BaseException:
        connection.invalidate()  # the rest of the rows is still in it
        raise
