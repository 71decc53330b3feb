"""Embeddings as Parquet, from COPY's binary form: a number costs four bytes on the way, and no parsing.

The form is described in Postgres' manual under COPY, "Binary Format"; a vector is its width, two bytes, and big-endian
floats.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import sqlalchemy as sa

from catalog.errors import ExportError
from catalog.export.parquet_part import TYPES
from catalog.export.queries import Kind, Rows
from catalog.export.reading import copy_out

_SIGNATURE = b"PGCOPY\n\xff\r\n\0"
_HEADER = len(_SIGNATURE) + 8
_PIECE = 32 << 20  # bytes that become a row group
_VECTOR_HEAD = 4

_READ: dict[Kind, Callable[[bytes], Any]] = {
    "text": lambda data: data,  # Arrow takes UTF-8 as it comes
    "bigint": lambda data: int.from_bytes(data, signed=True),
    "integer": lambda data: int.from_bytes(data, signed=True),
    "vector": lambda data: data[_VECTOR_HEAD:],
}


def write_vectors(
    connection: sa.Connection, rows: Rows, query: str, parameters: Mapping[str, object], file: IO[bytes]
) -> int:
    """A vector is a list of float32 of fixed size. How many rows. Raises ExportError where their widths differ."""
    pieces = _Pieces(rows, file)
    with pieces:
        count = copy_out(connection, query, parameters, "FORMAT binary", pieces)
        pieces.flush()
    return count


class _Pieces:
    """Collects rows and writes them as row groups. The first row says how wide vectors are."""

    def __init__(self, rows: Rows, file: IO[bytes]) -> None:
        self._columns = rows.columns
        self._file = file
        self._values: dict[str, list[Any]] = {name: [] for name in rows.columns}
        self._size = 0
        self._width: int | None = None
        self._writer: pa.parquet.ParquetWriter | None = None

    def __enter__(self) -> _Pieces:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:  # else the file is given up
            self._opened().close()

    def write(self, data: bytes, /) -> None:
        at = _HEADER if data.startswith(_SIGNATURE) else 0
        while len(data) > at + 2:  # shorter is the end mark
            at = self._take(data, at + 2)
        self._size += len(data)
        if self._size >= _PIECE:
            self.flush()

    def _take(self, data: bytes, at: int) -> int:
        """One row, whose fields begin at `at`; where it ends."""
        for name, kind in self._columns.items():
            (size,) = struct.unpack_from(">i", data, at)
            at += 4 + size
            self._values[name].append(_READ[kind](data[at - size : at]))
        return at

    def flush(self) -> None:
        if not self._size:
            return
        values, self._values, self._size = self._values, {name: [] for name in self._columns}, 0
        if values["embedding"]:
            self._width = self._width or len(values["embedding"][0]) // 4
            arrays = [self._array(kind, values[name]) for name, kind in self._columns.items()]
            self._opened().write_table(pa.Table.from_arrays(arrays, schema=self._schema()))

    def _array(self, kind: Kind, values: list[Any]) -> pa.Array:
        if kind != "vector":
            return (
                pa.array(values, pa.binary()).cast(pa.string())
                if kind == "text"
                else pa.array(values, TYPES[kind])
            )
        if {len(value) for value in values} != {4 * (self._width or 0)}:
            raise ExportError("these embeddings differ in width: choose one model with --model")
        floats = np.frombuffer(b"".join(values), ">f4").astype(np.float32)
        return pa.FixedSizeListArray.from_arrays(pa.array(floats), self._width)

    def _schema(self) -> pa.Schema:
        # Where there are no rows, nobody knows the width.
        vector = pa.list_(pa.float32(), self._width) if self._width else pa.list_(pa.float32())
        return pa.schema([(name, TYPES.get(kind, vector)) for name, kind in self._columns.items()])

    def _opened(self) -> pa.parquet.ParquetWriter:
        if self._writer is None:
            text = [name for name, kind in self._columns.items() if kind == "text"]
            # Neither a dictionary nor zstd makes floats of a network smaller.
            self._writer = pa.parquet.ParquetWriter(
                self._file, self._schema(), compression="none", use_dictionary=text
            )
        return self._writer
