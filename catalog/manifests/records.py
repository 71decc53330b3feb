"""Records of a CSV file: any of four delimiters, quoted line breaks, and no bad record that takes others down."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import IO, Final

from catalog.errors import ManifestError
from catalog.manifests.lines import Lines, TooLong, open_text
from catalog.manifests.rows import RowError

DELIMITERS: Final = (",", ";", "\t", "|")
_HEADER_LINES = 20
_MOST_NAMES = 10_000  # a line of a million commas is no header, and costs seconds to look through
_RETRIES = 100  # going back after a bad quote costs up to a whole record's size each time

Known = Callable[[Sequence[str]], int]
"""How many of a header's names are known."""


class Records:
    """Iterates over (line it starts at, cells or what is wrong there).

    The delimiter is the one that finds the most `known` names in the header. A record may have `limit` characters.
    """

    def __init__(self, file: IO[bytes], limit: int, known: Known) -> None:
        self._retries = _RETRIES
        if csv.field_size_limit() < limit:  # one setting for the whole process; our own caps come after it
            csv.field_size_limit(limit)
        self._lines = Lines(open_text(file), limit)
        self._delimiter = _find_delimiter(self._lines, known)

    @property
    def line(self) -> int:
        """The line read last: where the record at hand ends."""
        return self._lines.number

    def __iter__(self) -> Iterator[tuple[int, list[str] | RowError]]:
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


def wrong_count(line: int, found: int, expected: int) -> RowError:
    hint = "quote cells that hold the delimiter" if found > expected else "cells or a line break are missing"
    reason = f"the row has {found:,} cells, the header {expected:,}: {hint}"
    return RowError(line, None, None, "wrong_cell_count", reason)


def _find_delimiter(lines: Lines, known: Known) -> str:
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
    return max(DELIMITERS, key=lambda delimiter: _score(first, delimiter, known))


def _first_record(lines: Lines) -> list[str]:
    """The lines up to the end of the first record that is not blank, whatever its delimiter."""
    found: list[str] = []
    for line in islice(lines, _HEADER_LINES):
        found.append(line)
        if not line.isspace() and sum(part.count('"') for part in found) % 2 == 0:
            break
    return found


def _score(lines: list[str], delimiter: str, known: Known) -> tuple[int, int]:
    try:
        for cells in csv.reader(lines, delimiter=delimiter, strict=True):
            if any(cell.strip() for cell in cells):
                return known(cells[:_MOST_NAMES]), len(cells)
    except csv.Error:
        pass
    return 0, 0
