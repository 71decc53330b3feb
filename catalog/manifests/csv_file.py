"""Files as CSV."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import IO, Generic

from catalog.errors import ManifestError
from catalog.manifests.columns import Columns
from catalog.manifests.form import Form, R
from catalog.manifests.records import Records, wrong_count
from catalog.manifests.rows import Limits, Progress, RowError


class CsvReader(Generic[R]):
    """Rows of a CSV file. The delimiter is the one that finds the most known names in the header."""

    def __init__(self, file: IO[bytes], size: int, limits: Limits, form: Form[R]) -> None:
        self._file = file
        self._size = size
        self._limits = limits
        self._form = form
        self._records = Records(file, limits.row, form.known)
        self._columns = self._read_header()

    @property
    def columns(self) -> tuple[str, ...]:
        return self._columns.names

    def progress(self) -> Progress:
        return Progress(min(self._file.tell(), self._size), self._size, "bytes")

    def close(self) -> None:
        self._file.close()

    def rows(self) -> Iterator[R | RowError]:
        expected = len(self._columns.names)
        for line, cells in self._records:
            if isinstance(cells, RowError):
                yield cells
            elif len(cells) == expected:
                yield self._with_extent(self._form.row(line, self._columns, cells, self._limits))
            elif any(cell.strip() for cell in cells):
                yield wrong_count(line, len(cells), expected)

    def _with_extent(self, row: R | RowError) -> R | RowError:
        """A bad row of several lines may be the work of a stray quote, so its error names them."""
        if not isinstance(row, RowError) or row.line == self._records.line:
            return row
        return replace(
            row, reason=f"{row.reason} (the row goes from line {row.line} to line {self._records.line})"
        )

    def _read_header(self) -> Columns:
        for _, names in self._records:
            if isinstance(names, RowError):
                raise ManifestError(f"the header cannot be read: {names.reason}")
            if any(name.strip() for name in names):
                return self._form.require(self._form.read(names, self._limits))
        example = ",".join(self._form.example)
        raise ManifestError(f"the manifest is empty; its first line must name the columns, such as {example}")
