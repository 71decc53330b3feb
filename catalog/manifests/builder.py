"""From the values of one record to a Row, the same for every format."""

from __future__ import annotations

from collections.abc import Sequence

from catalog.manifests import cells
from catalog.manifests.cells import BadCell
from catalog.manifests.columns import Columns
from catalog.manifests.rows import JSON, Limits, ProductRow, Row, RowError, shown

# In characters. The database indexes some of these, and an index entry has room for about 2,700 bytes.
_TITLE, _BRAND, _CATEGORY = 1_000, 200, 500


def build_row(line: int, columns: Columns, values: Sequence[object], limits: Limits) -> Row | RowError:
    """The row at `line`, or why it cannot be used. `values` has one item for each of `columns.names`."""
    sku: str | None = None
    try:
        sku = _sku(columns, values)
        photos = cells.references((values[i] for i in columns.photos), limits)
        return Row(line, _product(sku, columns, values, limits), photos)
    except BadCell as bad:
        source = bad.source and shown(bad.source)
        return RowError(line, shown(sku) if sku else None, source, bad.code, bad.reason)


def _sku(columns: Columns, values: Sequence[object]) -> str:
    sku = cells.identifier(_value(columns, values, "sku"), "sku")
    if sku is None:
        raise BadCell("missing_sku", "the row has no sku")
    return sku


def _product(sku: str, columns: Columns, values: Sequence[object], limits: Limits) -> ProductRow:
    price, unit = cells.price(_value(columns, values, "price"))
    currency = cells.currency(_value(columns, values, "currency"))
    if unit and currency and unit != currency:
        raise BadCell("bad_currency", f"the price is in {unit} but the currency column says {currency}")
    return ProductRow(
        sku=sku,
        title=cells.one_line(_value(columns, values, "title"), "title", _TITLE),
        description=cells.text(_value(columns, values, "description"), "description", limits.cell),
        brand=cells.one_line(_value(columns, values, "brand"), "brand", _BRAND),
        category=cells.one_line(_value(columns, values, "category"), "category", _CATEGORY),
        price=price,
        currency=currency or unit,
        parent_sku=cells.identifier(_value(columns, values, "parent_sku"), "parent_sku"),
        attributes=_attributes(columns, values, limits),
    )


def _attributes(columns: Columns, values: Sequence[object], limits: Limits) -> dict[str, JSON]:
    found = cells.attributes(_value(columns, values, "attributes"), limits)
    for index, name in columns.attributes:
        value = cells.attribute(values[index], name, limits)
        if value is not None and value != "":
            found[name] = value
    return found


def _value(columns: Columns, values: Sequence[object], field: str) -> object:
    index = columns.fields.get(field)
    return None if index is None else values[index]
