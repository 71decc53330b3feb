"""Rows of the same product: do they say the same?

A million skus do not belong in memory. For each sku this keeps a digest, its first line and a checksum of
each field, in a private SQLite file that leaves memory only beyond the cache and goes with the connection.
"""

from __future__ import annotations

import json
import sqlite3
import struct
import zlib
from dataclasses import replace
from hashlib import blake2b
from operator import attrgetter

from catalog.errors import ManifestError
from catalog.manifests.rows import ProductRow, Row, RowError, shown

_FIELDS = ("title", "description", "brand", "category", "price", "currency", "parent_sku", "attributes")
_CHECKSUMS = struct.Struct(f"<{len(_FIELDS)}I")
_BLANK = 0
_values_of = attrgetter(*_FIELDS)
_sorted_json = json.JSONEncoder(sort_keys=True, ensure_ascii=False, check_circular=False).encode
_CACHE_KIB = 32 * 1024


class ProductIndex:
    """The products seen so far. Not for several threads at once."""

    def __init__(self) -> None:
        self._file = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._file.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        self._file.execute("PRAGMA journal_mode = OFF")
        self._file.execute(
            "CREATE TABLE seen (sku BLOB PRIMARY KEY, line INTEGER, fields BLOB) WITHOUT ROWID"
        )
        self._file.execute("BEGIN")

    def close(self) -> None:
        self._file.close()

    def check(self, row: Row) -> Row | RowError:
        """`row` as it is for a new sku; with `repeats` set for a sku seen before; RowError if they differ.

        A later row may leave cells blank, but may not say what the first did not. Raises ManifestError when
        the disk for temporary files is full.
        """
        key = blake2b(row.product.sku.encode(), digest_size=16).digest()
        checksums = _checksums(row.product)
        try:
            added = self._file.execute(
                "INSERT OR IGNORE INTO seen VALUES (?, ?, ?)", (key, row.line, _CHECKSUMS.pack(*checksums))
            )
            if added.rowcount:
                return row
            line, fields = self._file.execute(
                "SELECT line, fields FROM seen WHERE sku = ?", (key,)
            ).fetchone()
        except sqlite3.OperationalError as error:
            raise ManifestError(
                f"the list of products seen cannot grow ({error}); set TMPDIR elsewhere"
            ) from None
        for name, old, new in zip(_FIELDS, _CHECKSUMS.unpack(fields), checksums, strict=True):
            if new not in (_BLANK, old):
                return _contradiction(row, line, name, first_was_blank=old == _BLANK)
        return replace(row, repeats=line)


def _contradiction(row: Row, line: int, field: str, *, first_was_blank: bool) -> RowError:
    sku = shown(row.product.sku)
    before = f"line {line} leaves it blank" if first_was_blank else f"line {line} says something else"
    value = shown(_text(getattr(row.product, field)), 60)
    reason = f"product {sku}: {field} is {value} on line {row.line}, but {before}; make them the same"
    return RowError(row.line, sku, None, "contradicting_product", reason)


def _checksums(product: ProductRow) -> list[int]:
    values = _values_of(product)
    return [
        _BLANK if value is None or value == {} else zlib.crc32(_text(value).encode()) or 1 for value in values
    ]


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    return _sorted_json(value) if isinstance(value, dict) else str(value)
