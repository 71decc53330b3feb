"""Manifests as CSV: any bytes, and any bytes between good rows, which come out all the same at their right lines."""

from __future__ import annotations

import re

from catalog.manifests import Row
from tests.fuzz.seeds.tables import csvs
from tests.fuzz.target import Target
from tests.fuzz.targets.rows import check_rows, read

_HEADER = b"sku,image\n"
_FIRST, _LAST = b"first-7,first.jpg\n", b"last-8,last.jpg\nlast-9,last.jpg\n"
_ENDS = re.compile(rb"\r\n|\r|\n")


def check(data: bytes) -> None:
    rows = read(data, "csv")
    assert rows == read(data, "csv"), "read again, it says something else"
    check_rows(rows or [])
    _check_neighbours(data[:3_000])


def _check_neighbours(data: bytes) -> None:
    """The reader goes back after an open quote a hundred times at most, so longer pieces promise less."""
    if len(_ENDS.findall(data)) > 90:
        return
    above = _HEADER + _FIRST + data + b"\n"
    rows = read(above + _LAST, "csv")
    assert rows is not None
    check_rows(rows)
    assert isinstance(rows[0], Row) and (rows[0].line, rows[0].product.sku) == (2, "first-7"), rows[0]
    line = len(_ENDS.findall(above))
    last = [(row.line, row.product.sku) for row in rows[-2:] if isinstance(row, Row)]
    assert last == [(line + 1, "last-8"), (line + 2, "last-9")], (last, line)


TARGET = Target("csv", csvs, check)
