"""Rows as Parquet: COPY's CSV, read by Arrow some megabytes at a time. Strings never become Python's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import sqlalchemy as sa

from catalog.export.queries import Kind, Rows
from catalog.export.reading import copy_out

TYPES: dict[Kind, pa.DataType] = {
    "text": pa.string(),
    "bigint": pa.int64(),
    "integer": pa.int32(),
    "smallint": pa.int16(),
    "real": pa.float32(),
}
_PIECE = 8 << 20  # bytes of CSV that become a row group


def write_parquet(
    connection: sa.Connection, rows: Rows, query: str, parameters: Mapping[str, object], file: IO[bytes]
) -> int:
    """Text as it is. How many rows. What COPY tells from an empty string is null."""
    schema = pa.schema([(name, TYPES[kind]) for name, kind in rows.columns.items()])
    with pa.parquet.ParquetWriter(file, schema, compression="zstd") as writer:
        pieces = _Pieces(schema, writer)
        count = copy_out(connection, query, parameters, "FORMAT csv", pieces)
        pieces.flush()
    return count


class _Pieces:
    """Collects rows of CSV and writes them as row groups."""

    def __init__(self, schema: pa.Schema, writer: pa.parquet.ParquetWriter) -> None:
        self._schema = schema
        self._writer = writer
        self._lines: list[bytes] = []
        self._size = 0

    def write(self, line: bytes, /) -> None:
        self._lines.append(line)
        self._size += len(line)
        if self._size >= _PIECE:
            self.flush()

    def flush(self) -> None:
        if not self._lines:
            return
        data = b"".join(self._lines)
        self._lines, self._size = [], 0
        table = pa.csv.read_csv(
            pa.py_buffer(data),
            pa.csv.ReadOptions(column_names=self._schema.names, block_size=len(data) + 1),
            pa.csv.ParseOptions(newlines_in_values=True),
            pa.csv.ConvertOptions(
                column_types=self._schema,
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )
        self._writer.write_table(table)
