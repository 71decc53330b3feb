"""Rows as CSV: COPY's own output, straight to the file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO

import sqlalchemy as sa

from catalog.export.queries import Kind, Rows
from catalog.export.reading import copy_out
from catalog.spreadsheets import FORMULA_STARTS

_FORMULA = ", ".join(str(ord(start)) for start in FORMULA_STARTS)


def write_csv(
    connection: sa.Connection, rows: Rows, query: str, parameters: Mapping[str, object], file: IO[bytes]
) -> int:
    """With a header. Text that a spreadsheet would run as a formula gets a `'` before it. How many rows."""
    cells = ", ".join(_cell(name, kind) for name, kind in rows.columns.items())
    return copy_out(
        connection, f"SELECT {cells} FROM ({query}) cells", parameters, "FORMAT csv, HEADER", file
    )


def _cell(name: str, kind: Kind) -> str:
    if kind != "text":
        return f'"{name}"'
    return (
        f"""CASE WHEN ascii("{name}") IN ({_FORMULA}) THEN '''' || "{name}" ELSE "{name}" END AS "{name}\""""
    )
