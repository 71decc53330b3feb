"""Files as Parquet, unpacked by a process of its own (`catalog.manifests.parquet_process`)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any, Generic

import pyarrow as pa
import pyarrow.compute as pc

from catalog.errors import ManifestError
from catalog.manifests.columns import Columns
from catalog.manifests.form import Form, R
from catalog.manifests.parquet_process import PIECE
from catalog.manifests.rows import Limits, Progress, RowError, shown
from catalog.manifests.unpacking import Broken, TooLong, Unpacking

# What Arrow and Python raise for bytes that are damaged, or say what neither can hold: a day of the year 300,000, a
# number of a dictionary's entry that it lacks, a time zone that nobody knows.
_DAMAGED = (pa.ArrowException, OSError, ValueError, ArithmeticError, LookupError)


class ParquetReader(Generic[R]):
    """Rows of a Parquet file. Photos are text or a list of text; a row's line is its number, from 1."""

    def __init__(self, file: IO[bytes], limits: Limits, form: Form[R]) -> None:
        self._limits = limits
        self._form = form
        self._done = 0
        self._unpacking = Unpacking(file)
        try:
            schema = self._unpacking.schema
            self._columns = form.require(form.read(schema.names, limits))
            _check_photos(schema, self._columns)
        except BaseException:
            self._unpacking.close()
            raise

    @property
    def columns(self) -> tuple[str, ...]:
        return self._columns.names

    def progress(self) -> Progress:
        return Progress(self._done, max(self._done, self._unpacking.rows), "rows")

    def close(self) -> None:
        self._unpacking.close()

    def rows(self) -> Iterator[R | RowError]:
        for batch in self._unpacking:
            if isinstance(batch, Broken):
                reason = f"the file is damaged from here on, the rest is not read: {batch.reason}"
                yield self._error("malformed_row", reason)
            elif isinstance(batch, TooLong):
                yield self._error("too_long", f"the row has {batch.size:,} bytes, more than {PIECE:,}")
            else:
                yield from self._rows(batch)

    def _rows(self, batch: Any) -> Iterator[R | RowError]:
        for values in _records(batch):
            if isinstance(values, _Unreadable):
                yield self._error(values.code, values.reason)
            else:
                self._done += 1
                yield self._form.row(self._done, self._columns, values, self._limits)

    def _error(self, code: str, reason: str) -> RowError:
        self._done += 1
        return RowError(self._done, None, None, code, reason)


@dataclass(frozen=True, slots=True)
class _Unreadable:
    """Why a row is none, as RowError has it."""

    code: str
    reason: str


def _records(batch: Any) -> Iterator[tuple[object, ...] | _Unreadable]:
    """The batch row by row; where a cell in it cannot be read, only that row is lost."""
    try:
        columns = [_values(_exact(column)) for column in batch.columns]
    except _DAMAGED:
        yield from (_record(batch, row) for row in range(batch.num_rows))
        return
    yield from zip(*columns, strict=True)


def _record(batch: Any, row: int) -> tuple[object, ...] | _Unreadable:
    found: list[object] = []
    for column in batch.columns:
        try:
            found += _values(_exact(column.slice(row, 1)))
        except _DAMAGED as error:
            name = shown(batch.schema.names[len(found)], 60)
            if isinstance(error, UnicodeDecodeError):
                return _Unreadable("wrong_encoding", f"column {name} is not UTF-8: {shown(str(error))}")
            return _Unreadable("malformed_row", f"column {name} cannot be read: {shown(str(error))}")
    return tuple(found)


def _values(column: Any) -> list[object]:
    found: list[object] = column.to_pylist(maps_as_pydicts="lossy")
    return found


def _exact(column: Any) -> Any:
    """Short floats as text: 12.99 in 32 bits is 12.989999771118164 in 64. Python's times have no nanoseconds."""
    if pa.types.is_float32(column.type) or pa.types.is_float16(column.type):
        return pc.cast(pc.cast(column, pa.float32()), pa.string())
    if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
        return pc.cast(column, pa.timestamp("us", column.type.tz), safe=False)
    return column


def _check_photos(schema: Any, columns: Columns) -> None:
    for index in columns.photos:
        kind = schema.field(index).type
        if pa.types.is_dictionary(kind) or pa.types.is_null(kind):
            continue
        if _is_list(kind):
            kind = kind.value_type
        if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or _is_view(kind)):
            raise ManifestError(
                f"column {shown(columns.names[index], 60)} is {shown(str(kind))}; photos are paths as text, or "
                "lists of them; write photos that lie inside the file to a folder first"
            )


def _is_list(kind: Any) -> bool:
    return any(test(kind) for test in (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list))


def _is_view(kind: Any) -> bool:
    return bool(getattr(pa.types, "is_string_view", lambda _: False)(kind))
