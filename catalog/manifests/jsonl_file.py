"""Files as JSON Lines: one object a line."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import IO, Generic

from catalog.errors import ManifestError
from catalog.manifests.columns import Columns
from catalog.manifests.form import Form, R
from catalog.manifests.json_text import parse
from catalog.manifests.lines import Lines, TooLong, open_text
from catalog.manifests.rows import Limits, Progress, RowError, shown


class JsonLinesReader(Generic[R]):
    """Rows of a JSON Lines file; the names of a line's members are its columns."""

    def __init__(self, file: IO[bytes], size: int, limits: Limits, form: Form[R]) -> None:
        self._file = file
        self._size = size
        self._limits = limits
        self._form = form
        self._lines = Lines(open_text(file), limits.row)
        self._columns_of = lru_cache(maxsize=256)(self._read_columns)
        self._refuse_array()

    @property
    def columns(self) -> tuple[str, ...]:
        return ()

    def progress(self) -> Progress:
        return Progress(min(self._file.tell(), self._size), self._size, "bytes")

    def close(self) -> None:
        self._file.close()

    def rows(self) -> Iterator[R | RowError]:
        while True:
            self._lines.mark()
            try:
                line = next(self._lines)
            except StopIteration:
                return
            except TooLong:
                yield self._error("too_long", f"the line has more than {self._limits.row:,} characters")
                continue
            if not line.isspace():
                yield self._row(line)

    def _row(self, line: str) -> R | RowError:
        if not line.isascii():
            try:
                line.encode()
            except UnicodeEncodeError as error:
                byte = ord(line[error.start]) & 0xFF
                where = f"position {error.start + 1} (byte 0x{byte:02X})"
                return self._error(
                    "wrong_encoding", f"the line is not valid text at {where}; save it as UTF-8"
                )
        try:
            record = parse(line)
        except (ValueError, RecursionError) as error:
            return self._error("malformed_row", f"the line is no JSON: {shown(str(error))}")
        if not isinstance(record, dict):
            example = ", ".join(f'"{name}": ...' for name in self._form.example)
            return self._error("malformed_row", f"the line is no JSON object such as {{{example}}}")
        try:
            columns = self._columns_of(tuple(record))
        except ManifestError as error:
            return self._error("malformed_row", str(error))
        return self._form.row(self._lines.number, columns, tuple(record.values()), self._limits)

    def _read_columns(self, names: tuple[str, ...]) -> Columns:
        return self._form.read(names, self._limits)

    def _refuse_array(self) -> None:
        """Say at once that one large JSON array cannot be streamed, not line by line."""
        try:
            first = next(self._lines, "")
        except TooLong:
            first = ""
        self._lines.back()
        if first.lstrip().startswith("["):
            raise ManifestError(
                "the manifest is one JSON array; make it JSON Lines: jq -c '.[]' in.json > out.jsonl"
            )

    def _error(self, code: str, reason: str) -> RowError:
        return RowError(self._lines.number, None, None, code, reason)
