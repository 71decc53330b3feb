"""What the rows of a file mean, apart from how the file is written: so all formats serve all kinds of rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from catalog.manifests.builder import build_row
from catalog.manifests.columns import Columns, known_columns, read_columns, require_columns
from catalog.manifests.rows import Limits, Row, RowError

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Form(Generic[R]):
    """A kind of rows. `known` counts the names of a header that mean something; `read` and `require` raise
    ManifestError.

    `require` is asked where a file has one header; in JSON Lines each line has its own names.
    """

    example: tuple[str, ...]
    known: Callable[[Sequence[str]], int]
    read: Callable[[Sequence[str], Limits], Columns]
    require: Callable[[Columns], Columns]
    row: Callable[[int, Columns, Sequence[object], Limits], R | RowError]


PRODUCTS: Form[Row] = Form(
    ("sku", "image"),
    known_columns,
    lambda names, limits: read_columns(names, limit=limits.columns),
    require_columns,
    build_row,
)
"""Products with their photos: a manifest."""
