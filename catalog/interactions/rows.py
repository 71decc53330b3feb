"""One interaction, from whatever cells say it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from catalog.errors import BadShopper, ManifestError
from catalog.manifests.cells import BadCell, identifier, one_line
from catalog.manifests.columns import Columns, check_name
from catalog.manifests.form import Form
from catalog.manifests.rows import Limits, RowError, shown
from catalog.tables.shoppers import KINDS

COLUMNS: Final = ("shopper", "sku", "kind", "happened_at")
LONGEST_SHOPPER = 200  # it is part of a key of the database
CLOCKS_DIFFER = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Interaction:
    """What a shopper did with a product, made by `read`. `line` is that of its file, or its place in a request."""

    line: int
    shopper: str
    sku: str
    kind: str
    happened_at: datetime


def read(
    line: int, shopper: object, sku: object, kind: object, happened_at: object
) -> Interaction | RowError:
    """An interaction from values as JSON or a file has them. A time without a zone is UTC."""
    try:
        who, product = _shopper(shopper), _present(identifier(sku, "sku"), "sku")
        return Interaction(line, who, product, _kind(kind), _happened_at(happened_at))
    except BadCell as bad:
        return RowError(line, shown(sku) if isinstance(sku, str) else None, None, bad.code, bad.reason)


def shopper_name(text: str) -> str:
    """A shopper's name as it is stored. Raises BadShopper."""
    try:
        return _shopper(text)
    except BadCell as bad:
        raise BadShopper(f"{shown(text, 60)!r} names no shopper: {bad.reason}") from None


def _shopper(value: object) -> str:
    return _present(identifier(value, "shopper", LONGEST_SHOPPER, code="bad_shopper"), "shopper")


def _present(value: str | None, column: str) -> str:
    if value is None:
        raise BadCell(f"missing_{column}", f"the row has no {column}")
    return value


def _kind(value: object) -> str:
    kind = _present(one_line(value, "kind", 100), "kind").casefold()
    if kind not in KINDS:
        raise BadCell("bad_kind", f"kind is {shown(kind, 40)!r}; write {', '.join(KINDS)}")
    return kind


def _happened_at(value: object) -> datetime:
    moment = _moment(value)
    try:
        known = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:  # the first and the last day there are, in another zone
        raise _bad_time(value) from None
    if known > datetime.now(UTC) + CLOCKS_DIFFER:
        reason = f"{known.isoformat()} is still to come; times without a zone are taken as UTC"
        raise BadCell("future", reason)
    return known


def _moment(value: object) -> datetime:
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime.combine(value, time())
    if isinstance(value, (int, float)):  # seconds or milliseconds, and nobody knows since when
        raise _bad_time(value)
    text = _present(one_line(value, "happened_at", 100), "happened_at")
    if text.isdigit() and len(text) > len("20261129"):  # the same; some read as a moment of the 18th century
        raise _bad_time(value)
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise _bad_time(value) from None


def _bad_time(value: object) -> BadCell:
    reason = f"happened_at is {shown(str(value), 40)!r}; write it like 2026-11-29T18:30:00Z"
    return BadCell("bad_happened_at", reason)


def _columns(names: Sequence[str], limits: Limits) -> Columns:
    """Where the four are; other columns are passed over."""
    if len(names) > limits.columns:
        raise ManifestError(f"the file has {len(names):,} columns; at most {limits.columns:,} are read")
    for index, name in enumerate(names):
        check_name(name, f"the name of column {index + 1}")
    plain = [_plain(name) for name in names]
    return Columns(tuple(names), {name: plain.index(name) for name in COLUMNS if name in plain}, (), ())


def _require(columns: Columns) -> Columns:
    missing = [name for name in COLUMNS if name not in columns.fields]
    if missing:
        found = ", ".join(shown(name, 40) for name in columns.names[:20]) or "none"
        raise ManifestError(f"there is no column {' and no column '.join(missing)}; columns found: {found}")
    return columns


def _row(line: int, columns: Columns, values: Sequence[object], _: Limits) -> Interaction | RowError:
    places = (columns.fields.get(name) for name in COLUMNS)
    return read(line, *(None if place is None else values[place] for place in places))


def _plain(name: str) -> str:
    return name.strip().casefold().replace(" ", "_")


INTERACTIONS: Form[Interaction] = Form(
    COLUMNS, lambda names: len({*COLUMNS} & {*map(_plain, names)}), _columns, _require, _row
)
