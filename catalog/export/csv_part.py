"""Rows as CSV: COPY's own output, straight to the file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO

import sqlalchemy as sa

from catalog.export.queries import Kind, Rows
from catalog.export.reading import copy_out
from models.spreadsheets import DIVIDERS, FORMULA

# As in models.spreadsheets, in Postgres's words. Few cells need it, and to look for that alone is cheaper.
_NEEDS_IT = f"(^|[{DIVIDERS}])''*[{FORMULA}]"
_RUN = f"(^|(?<=[{DIVIDERS}]))(?=''*[{FORMULA}])"


def write_csv(
    connection: sa.Connection, rows: Rows, query: str, parameters: Mapping[str, object], file: IO[bytes]
) -> int:
    """With a header. Text is made harmless to spreadsheets. How many rows."""
    cells = ", ".join(_cell(name, kind) for name, kind in rows.columns.items())
    return copy_out(
        connection, f"SELECT {cells} FROM ({query}) cells", parameters, "FORMAT csv, HEADER", file
    )


def _cell(name: str, kind: Kind) -> str:
    if kind != "text":
        return f'"{name}"'
    shown = f"""regexp_replace("{name}", '{_RUN}', '''', 'g')"""
    return f"""CASE WHEN "{name}" ~ '{_NEEDS_IT}' THEN {shown} ELSE "{name}" END AS "{name}\""""
