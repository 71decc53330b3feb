"""Manifests as JSON Lines: any bytes, and any bytes between good rows, which come out at their right lines."""

from __future__ import annotations

import re

from catalog.manifests import Row
from tests.fuzz.seeds.tables import jsonls
from tests.fuzz.target import Target
from tests.fuzz.targets.rows import check_rows, read

_FIRST, _LAST = b'{"sku": "first-7", "image": "a.jpg"}\n', b'{"sku": "last-8", "image": "b.jpg"}\n'
_ENDS = re.compile(rb"\r\n|\r|\n")


def check(data: bytes) -> None:
    rows = read(data, "jsonl")
    assert rows == read(data, "jsonl"), "read again, it says something else"
    check_rows(rows or [])
    above = _FIRST + data + b"\n"
    rows = read(above + _LAST, "jsonl")
    assert rows is not None
    check_rows(rows)
    for row, line, sku in ((rows[0], 1, "first-7"), (rows[-1], len(_ENDS.findall(above)) + 1, "last-8")):
        assert isinstance(row, Row) and (row.line, row.product.sku) == (line, sku), (row, line)


TARGET = Target("jsonl", jsonls, check)
