"""Manifests: lists of products and their photos, as files, folders or buckets, read row by row.

    with open_manifest("products.csv") as manifest:
        for row in manifest:
            ...  # Row or RowError; manifest.progress() says how far it is

The column names that are understood stand in `catalog.manifests.columns`, how cells are read in
`catalog.manifests.cells`, what a folder means in `catalog.manifests.folder`. Codes of a RowError:

| code | the row |
|---|---|
| `wrong_encoding` | has bytes that are not valid text |
| `malformed_row` | is no CSV record, no JSON object, or lies in a damaged part of the file |
| `wrong_cell_count` | has more or fewer cells than the header |
| `too_long` | has a cell, a name or a whole length beyond the caps |
| `control_characters` | holds NUL or another control character |
| `wrong_type` | holds a list or an object where text belongs |
| `missing_sku`, `bad_sku` | has no sku, or one with a line break or a mark of writing direction |
| `bad_price`, `bad_currency`, `bad_attributes` | has such a cell, not to be read without guessing |
| `too_many_photos` | names more photos than the cap |
| `contradicting_product` | says something else about its product than the first row with its sku |
"""

from __future__ import annotations

from catalog.manifests.open import Manifest, open_manifest
from catalog.manifests.rows import (
    JSON,
    TEXT_BYTES,
    Limits,
    ProductRow,
    Progress,
    Reader,
    Row,
    RowError,
    shown,
)

__all__ = [
    "JSON",
    "TEXT_BYTES",
    "Limits",
    "Manifest",
    "ProductRow",
    "Progress",
    "Reader",
    "Row",
    "RowError",
    "open_manifest",
    "shown",
]
