"""A CSV or Parquet file as rows of text. What cannot be read at all is a DataError that names the line."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.errors import DataError
from models.files import read_regular

LARGEST = 2 << 30  # bytes, of what is read whole
DELIMITERS = (",", ";", "\t", "|")


@dataclass(frozen=True, slots=True)
class Table:
    """`rows`: the number of its line (CSV) or row (Parquet), from 1, and its cells, one for each name if all is well.

    Of a Parquet file only columns of text, numbers and truth values are there.
    """

    names: tuple[str, ...]
    rows: Sequence[tuple[int, Sequence[str]]]


def read_table(path: Path) -> Table:
    """Raises DataError: no such file, not UTF-8, a quote that is not closed, no header, one name twice."""
    table = _parquet(path) if path.suffix.lower() == ".parquet" else _csv(path)
    twice = [name for k, name in enumerate(table.names) if name.strip() and name in table.names[:k]]
    if twice:
        raise DataError(f"{path} has two columns named {twice[0]!r}; rename one")
    return table


def _csv(path: Path) -> Table:
    lines = [(line, cells) for line, cells in _records(path, _text(path)) if any(map(str.strip, cells))]
    if not lines:
        raise DataError(f"{path} is empty; its first line names the columns, such as image,label")
    return Table(tuple(lines[0][1]), lines[1:])


def _text(path: Path) -> str:
    try:
        data = read_regular(path, LARGEST)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DataError(f"{path} is not UTF-8 at line {line}; save it as UTF-8") from None


def _records(path: Path, text: str) -> Iterator[tuple[int, list[str]]]:
    """Each record and the line that it starts at."""
    parser = csv.reader(
        io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True, skipinitialspace=True
    )
    while True:
        line = parser.line_num + 1
        try:
            cells = next(parser)
        except StopIteration:
            return
        except csv.Error as error:
            raise DataError(f"{path}, line {line}: {error}; look for a quote that is not closed") from None
        yield line, cells


def _delimiter(text: str) -> str:
    header = next((line for line in text.splitlines() if line.strip()), "")
    return max(DELIMITERS, key=header.count)


def _parquet(path: Path) -> Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            names = [field.name for field in file.schema_arrow if _is_plain(field.type)]
            columns = [[_cell(value) for value in column.to_pylist()] for column in file.read(names).columns]
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"{path} is no readable Parquet file: {reason}") from None
    return Table(tuple(names), list(enumerate(zip(*columns, strict=True), start=1)))


def _is_plain(kind: Any) -> bool:
    from pyarrow import types

    if types.is_dictionary(kind):
        kind = kind.value_type
    tests = (types.is_string, types.is_large_string, types.is_integer, types.is_floating, types.is_boolean)
    return any(test(kind) for test in tests)


def _cell(value: object) -> str:
    """As a CSV file would have it. A whole number is often kept as a fraction, where cells beside it are blank."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
