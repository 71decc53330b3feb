"""Manifests as CSV: any of four delimiters, quoted line breaks, and no bad row that takes others down."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import IO, Final

from catalog.errors import ManifestError
from catalog.manifests.builder import build_row
from catalog.manifests.columns import Columns, known_columns, read_columns, require_columns
from catalog.manifests.lines import Lines, TooLong, open_text
from catalog.manifests.rows import Limits, Progress, Row, RowError

DELIMITERS: Final = (",", ";", "\t", "|")
_HEADER_LINES = 20
_RETRIES = 100  # going back after a bad quote costs up to a whole record's size each time


class CsvReader:
    """Rows of a CSV file. The delimiter is the one that finds the most known names in the header."""

    def __init__(self, file: IO[bytes], size: int, limits: Limits) -> None:
        self._file = file
        self._size = size
        self._limits = limits
        self._retries = _RETRIES
        if (
            csv.field_size_limit() < limits.row
        ):  # one setting for the whole process; our own caps come after it
            csv.field_size_limit(limits.row)
        self._lines = Lines(open_text(file), limits.row)
        self._delimiter = _find_delimiter(self._lines)
        self._columns = self._read_header()

    @property
    def columns(self) -> tuple[str, ...]:
        return self._columns.names

    def progress(self) -> Progress:
        return Progress(min(self._file.tell(), self._size), self._size, "bytes")

    def close(self) -> None:
        self._file.close()

    def rows(self) -> Iterator[Row | RowError]:
        expected = len(self._columns.names)
        for line, cells in self._records():
            if isinstance(cells, RowError):
                yield cells
            elif len(cells) == expected:
                yield self._with_extent(build_row(line, self._columns, cells, self._limits))
            elif any(cell.strip() for cell in cells):
                yield _wrong_count(line, len(cells), expected)

    def _with_extent(self, row: Row | RowError) -> Row | RowError:
        """A bad row of several lines may be the work of a stray quote, so its error names them."""
        if isinstance(row, Row) or row.line == self._lines.number:
            return row
        return replace(
            row, reason=f"{row.reason} (the row goes from line {row.line} to line {self._lines.number})"
        )

    def _read_header(self) -> Columns:
        for _, names in self._records():
            if isinstance(names, RowError):
                raise ManifestError(f"the header cannot be read: {names.reason}")
            if any(name.strip() for name in names):
                return require_columns(read_columns(names, limit=self._limits.columns))
        raise ManifestError("the manifest is empty; its first line must name the columns, such as sku,image")

    def _records(self) -> Iterator[tuple[int, list[str] | RowError]]:
        """Each record with the line it starts at, or what is wrong there."""
        parser = csv.reader(self._lines, delimiter=self._delimiter, strict=True)
        while True:
            self._lines.mark()
            start = self._lines.number + 1
            try:
                cells: list[str] | RowError = next(parser)
            except StopIteration:
                return
            except csv.Error as error:
                cells = self._recover(start, str(error))
            except TooLong:
                cells = self._recover(start, "")
            yield start, cells

    def _recover(self, start: int, fault: str) -> RowError:
        """What is wrong with the record at `start`. Reading goes on at the line after its first one.

        A quote that is never closed swallows good rows, so these are read again.
        """
        end = self._lines.number
        if self._retries > 0:
            self._retries -= 1
            self._lines.back(keep=1)
        reason = _FAULTS.get(fault, fault)
        if end > start:
            reason = f"{reason}; the row seems to go on to line {end}, look for a quote that is not closed"
        return RowError(start, None, None, "malformed_row" if fault else "too_long", reason)


_TWICE: Final = "text follows a closing quote; a quote inside a quoted cell is written twice"
_FAULTS: Final = {
    "": "the row is too long",
    "unexpected end of data": "a quoted cell is not closed before the end of the file",
    **{f"'{delimiter}' expected after '\"'": _TWICE for delimiter in DELIMITERS},
}


def _wrong_count(line: int, found: int, expected: int) -> RowError:
    hint = "quote cells that hold the delimiter" if found > expected else "cells or a line break are missing"
    reason = f"the row has {found:,} cells, the header {expected:,}: {hint}"
    return RowError(line, None, None, "wrong_cell_count", reason)


def _find_delimiter(lines: Lines) -> str:
    """Try all on the header and go back; a first line such as `sep=;`, as Excel writes it, decides."""
    try:
        first = _first_record(lines)
    except TooLong:
        raise ManifestError("the first line is too long to be a header of column names") from None
    declared = first[0].strip() if first else ""
    if declared.lower().startswith("sep=") and declared[4:] in DELIMITERS:
        lines.back(keep=1)
        return declared[4:]
    lines.back()
    return max(DELIMITERS, key=lambda delimiter: _score(first, delimiter))


def _first_record(lines: Lines) -> list[str]:
    """The lines up to the end of the first record that is not blank, whatever its delimiter."""
    found: list[str] = []
    for line in islice(lines, _HEADER_LINES):
        found.append(line)
        if not line.isspace() and sum(part.count('"') for part in found) % 2 == 0:
            break
    return found


def _score(lines: list[str], delimiter: str) -> tuple[int, int]:
    try:
        for cells in csv.reader(lines, delimiter=delimiter, strict=True):
            if any(cell.strip() for cell in cells):
                return known_columns(cells), len(cells)
    except csv.Error:
        pass
    return 0, 0
