"""From one cell to one value: text, prices, photo references, attributes. Pure functions.

A cell is what a reader found: text, or for JSON Lines and Parquet any value. Each function raises BadCell.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from decimal import Decimal

from catalog.manifests.json_text import parse
from catalog.manifests.rows import JSON, Limits, shown
from catalog.references import kept


class BadCell(Exception):  # never leaves the package: it becomes a RowError
    """Why a cell cannot be used; `source` is the photo reference at fault."""

    def __init__(self, code: str, reason: str, source: str | None = None) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.source = source


# Control characters but tab, line feed and carriage return; and half surrogates, which stand for wrong bytes.
_BAD = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_BREAKS = re.compile(r"[\t\r\n]")
# Marks that override the writing direction: a sku that holds one can look like another sku.
_OVERRIDES = re.compile("[\u202a-\u202e\u2066-\u2069]")
_PRICE = re.compile(r"([0-9]{1,10})(?:\.([0-9]{1,4})|,([0-9]{1,2}))?(?:\s+([A-Za-z]{3}))?", re.ASCII)
_CURRENCY = re.compile(r"[A-Za-z]{3}", re.ASCII)
_MAX_PRICE = Decimal(10) ** 10
_DEEPEST = 20


def text(value: object, column: str, limit: int) -> str | None:
    """A cell as text without outer spaces; blank is None; a number is written out."""
    if value is None:
        return None
    if isinstance(value, str):
        plain = value
    elif _is_number(value):
        plain = str(value)
    else:
        raise BadCell("wrong_type", f"column {shown(column, 60)} holds {_kind(value)} where text belongs")
    if len(plain) > limit:
        raise BadCell(
            "too_long", f"column {shown(column, 60)} has {len(plain):,} characters, more than {limit:,}"
        )
    if _BAD.search(plain):
        _refuse_controls(plain, f"column {shown(column, 60)}")
    return plain.strip() or None


def one_line(value: object, column: str, limit: int) -> str | None:
    """Text on one line: line breaks and tabs become spaces."""
    plain = text(value, column, limit)
    return _BREAKS.sub(" ", plain) if plain else None


def identifier(value: object, column: str, limit: int = 200, code: str = "bad_sku") -> str | None:
    """A sku or the like: one line of up to `limit` characters without line breaks and marks of writing direction."""
    if isinstance(value, float):
        raise BadCell(code, f"column {shown(column, 60)} is a fraction ({value}); write it as text")
    plain = text(value, column, limit)
    if plain and (_BREAKS.search(plain) or _OVERRIDES.search(plain)):
        raise BadCell(
            code,
            f"column {shown(column, 60)} has a line break or a mark of direction: {shown(plain)}",
        )
    return plain


def price(value: object) -> tuple[Decimal | None, str | None]:
    """A price and, where it was written behind it (`12.50 EUR`), its currency.

    `12.50` and `12,50` are the same. Thousands marks, signs, exponents and currency signs are refused, as is
    a comma before three digits, which could mean either; so no price is ever misread. A binary number (JSON,
    Parquet) is rounded to four decimals.
    """
    if isinstance(value, str):
        return _price_text(value)
    if value is None:
        return None, None
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        raise BadCell("bad_price", f"the price is {_kind(value)}, not a number")
    if not _is_number(value) or value < 0 or value >= _MAX_PRICE:
        raise BadCell(
            "bad_price", f"the price {shown(str(value), 60)} is not a number from 0 to below {_MAX_PRICE:,}"
        )
    exact = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    rounded = round(exact, 4)
    if isinstance(value, Decimal) and rounded != exact:
        raise BadCell("bad_price", f"the price {value} has more than four decimals")
    return _plain(rounded), None


def _price_text(value: str) -> tuple[Decimal | None, str | None]:
    written = value.strip()
    if not written:
        return None, None
    match = _PRICE.fullmatch(written)
    if not match:
        raise BadCell("bad_price", f"the price {shown(written, 60)} is not written like 12.50 or 12,50")
    whole, dot, comma, unit = match.groups()
    decimals = dot or comma
    amount = Decimal(f"{whole}.{decimals}" if decimals else whole)
    return _plain(amount), unit.upper() if unit else None


def _plain(amount: Decimal) -> Decimal:
    """Without trailing zeros and exponent, so that 12.5 and 12.50 are written alike."""
    short = amount.normalize()
    return short.quantize(Decimal(1)) if short == short.to_integral_value() else short


def currency(value: object) -> str | None:
    """Three letters, as in ISO 4217, made capitals."""
    plain = text(value, "currency", 100)
    if plain and not _CURRENCY.fullmatch(plain):
        raise BadCell("bad_currency", f"the currency {shown(plain, 60)} is not three letters such as EUR")
    return plain.upper() if plain else None


def references(cells: Iterable[object], limits: Limits) -> tuple[str, ...]:
    """The photo references of a row, each once. Text is split at `|`; the items of a list are taken whole."""
    found: dict[str, None] = {}
    for cell in cells:
        for reference in _parts(cell):
            if not reference or reference in found:
                continue
            source = shown(kept(reference))
            if len(reference) > limits.reference:
                raise BadCell("too_long", f"a photo reference has {len(reference):,} characters", source)
            _refuse_controls(reference, "a photo reference", source)
            if _BREAKS.search(reference):
                raise BadCell("control_characters", "a photo reference holds a line break or tab", source)
            found[reference] = None
            if len(found) > limits.photos:
                raise BadCell("too_many_photos", f"the row names more than {limits.photos:,} photos")
    return tuple(found)


def _parts(cell: object) -> list[str]:
    if cell is None:
        return []
    if isinstance(cell, str):
        return [part.strip() for part in cell.split("|")]
    if isinstance(cell, (list, tuple)):
        items = [item for item in cell if item is not None]
        if all(isinstance(item, str) for item in items):
            return items
    raise BadCell("wrong_type", f"a photo is {_kind(cell)}; write a path, or a list of paths")


def attributes(value: object, limits: Limits) -> dict[str, JSON]:
    """The `attributes` cell: a JSON object, as text or as a value."""
    if isinstance(value, str):
        if not value.strip():
            return {}
        try:
            value = parse(value)
        except (ValueError, RecursionError) as error:
            raise BadCell("bad_attributes", f"the attributes are no JSON: {shown(str(error))}") from None
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadCell("bad_attributes", f"the attributes are {_kind(value)}, not a JSON object")
    return {_attribute_name(name): attribute(item, str(name), limits) for name, item in value.items()}


def attribute(value: object, name: str, limits: Limits, depth: int = 0) -> JSON:
    """Any value as JSON that a database keeps; dates and decimals become text."""
    if isinstance(value, str):
        return text(value, name, limits.cell) or ""
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    if isinstance(value, (Decimal, timedelta)):
        return str(value)
    if isinstance(value, (list, tuple, dict)) and depth < _DEEPEST:
        if isinstance(value, dict):
            return {_attribute_name(k): attribute(v, name, limits, depth + 1) for k, v in value.items()}
        return [attribute(item, name, limits, depth + 1) for item in value]
    raise BadCell("bad_attributes", f"attribute {shown(name, 60)} holds {_kind(value)}, which is no JSON")


def _attribute_name(name: object) -> str:
    plain = str(name)
    if len(plain) > 1_000:
        raise BadCell("bad_attributes", f"an attribute's name has {len(plain):,} characters")
    _refuse_controls(plain, "an attribute's name")
    return plain


def _refuse_controls(plain: str, where: str, source: str | None = None) -> None:
    bad = _BAD.search(plain)
    if bad is None:
        return
    code = ord(bad[0])
    if code < 0xD800:
        reason = f"{where} holds the control character U+{code:04X} at position {bad.start() + 1}"
        raise BadCell("control_characters", reason, source)
    byte = f"byte 0x{code & 0xFF:02X} at position {bad.start() + 1}"
    reason = f"{where} is not valid text ({byte}); save it as UTF-8"
    raise BadCell("wrong_encoding", reason, source)


def _is_number(value: object) -> bool:
    """Finite, and no boolean."""
    if isinstance(value, (float, Decimal)):
        return math.isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool)


def _kind(value: object) -> str:
    if isinstance(value, float):
        return str(value)
    names = {bool: "true or false", dict: "an object", list: "a list", tuple: "a list", bytes: "bytes"}
    return names.get(type(value), f"a {type(value).__name__}")
