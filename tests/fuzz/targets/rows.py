"""What holds for the rows of any manifest."""

from __future__ import annotations

import re
import tempfile
from decimal import Decimal
from io import BytesIO
from typing import IO

from catalog.errors import ManifestError
from catalog.manifests import Limits, Manifest, Row, RowError
from catalog.manifests.form import PRODUCTS
from catalog.manifests.open import FileFormat, open_reader

LIMITS = Limits(cell=2_000, row=6_000, columns=60, photos=20, reference=200)
CODES = {
    *("wrong_encoding", "malformed_row", "wrong_cell_count", "too_long", "control_characters", "wrong_type"),
    *("missing_sku", "bad_sku", "bad_price", "bad_currency", "bad_attributes", "too_many_photos"),
    "contradicting_product",
}
Rows = list[Row | RowError]


def read(data: bytes, format: FileFormat) -> Rows | None:
    """All rows, or None where the manifest as a whole is refused by a sentence."""
    try:
        kind, reader = open_reader("m", _file(data, format), PRODUCTS, format, LIMITS)
        with Manifest("m", kind, "", reader) as manifest:
            rows = list(manifest)
            progress = manifest.progress()
    except ManifestError as error:
        assert 10 < len(str(error)) < 6_000 and str(error).isprintable(), str(error)
        return None
    assert progress.total is None or 0 <= progress.done <= progress.total, progress
    return rows


def _file(data: bytes, format: FileFormat) -> IO[bytes]:
    """In memory where the reader is content with that."""
    if format != "parquet":
        return BytesIO(data)
    file = tempfile.TemporaryFile()  # noqa: SIM115  (the reader closes it)
    file.write(data)
    file.flush()
    return file


def check_rows(rows: Rows) -> None:
    """Each is a good row within the limits, or says by a code and a sentence what is wrong; lines ascend."""
    before = 0
    for row in rows:
        assert row.line > before, f"line {row.line} after {before}"
        before = row.line
        if isinstance(row, RowError):
            _check_error(row)
        else:
            _check_row(row)


def _check_error(row: RowError) -> None:
    assert row.code in CODES, row.code
    assert 10 < len(row.reason) < 1_500 and row.reason.isprintable(), row.reason
    for text in (row.sku, row.source):
        assert text is None or (0 < len(text) < 1_000 and text.isprintable()), text


def _check_row(row: Row) -> None:
    product = row.product
    assert row.repeats is None or 0 < row.repeats < row.line
    assert len(row.photos) <= LIMITS.photos and len({*row.photos}) == len(row.photos)
    assert all(photo and len(photo) <= LIMITS.reference for photo in row.photos), row.photos
    texts = [product.sku, product.title, product.description, product.brand, product.category]
    texts += [product.currency, product.parent_sku, *row.photos]
    assert all(text is None or _stored(text) for text in texts), texts
    assert product.sku == product.sku.strip() and 0 < len(product.sku) <= 200
    assert product.currency is None or re.fullmatch("[A-Z]{3}", product.currency)
    if product.price is not None:
        assert 0 <= product.price < 10**10 and product.price == round(product.price, 4), product.price
        assert isinstance(product.price, Decimal)
    _check_json(product.attributes)


def _stored(text: str) -> bool:
    """Whether Postgres takes it."""
    return "\0" not in text and text.encode() is not None


def _check_json(value: object, depth: int = 0) -> None:
    """What jsonb takes: no NUL, no half character, no NaN, not too deep."""
    assert depth < 30
    if isinstance(value, dict):
        assert all(isinstance(name, str) and _stored(name) for name in value), value
        value = [*value.values()]
    if isinstance(value, list):
        for item in value:
            _check_json(item, depth + 1)
    elif isinstance(value, str):
        assert _stored(value)
    else:
        assert value is None or isinstance(value, int) or (isinstance(value, float) and value - value == 0), (
            value
        )
