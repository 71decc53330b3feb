"""A part of rows: a range of ids, as one file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import IO

import sqlalchemy as sa

from catalog.export.csv_part import write_csv
from catalog.export.parquet_part import write_parquet
from catalog.export.place import Folder
from catalog.export.queries import ROWS, Rows
from catalog.export.state import Part, Range, State
from catalog.export.vectors_part import write_vectors
from catalog.filters import Filter

Write = Callable[[sa.Connection, Rows, str, Mapping[str, object], IO[bytes]], int]


class RowsWriter:
    """Writes `part-000001.parquet` and so on."""

    prefixes = ("part-",)
    keeps_parts = True

    def __init__(self, engine: sa.Engine, folder: Folder, version_ids: list[int], products: Filter) -> None:
        self._engine = engine
        self._folder = folder
        self._version_ids = version_ids
        self._products = products

    def write(self, ranged: Range, state: State) -> Part | None:
        """None where there are no rows; the last range of an export without any leaves a file of none."""
        name = f"part-{len(state.parts) + 1:06d}.{state.asked.format}"
        rows = ROWS[state.asked.what]
        query, parameters = rows.query(ranged, self._version_ids, self._products)
        with self._folder.writing(name) as file, self._engine.connect() as connection:
            count = _write(state)(connection, rows, query, parameters, file)
            size = file.tell()
        if not count and (state.parts or not state.is_at_last_range):
            self._folder.delete(name)
            return None
        return Part(files=(name,), rows=count, bytes=size)

    def finish(self, state: State) -> None:
        """Nothing is left to do."""


def _write(state: State) -> Write:
    if state.asked.format == "csv":
        return write_csv
    return write_vectors if state.asked.what == "embeddings" else write_parquet
