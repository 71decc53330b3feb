"""What a manifest says, row by row: plain values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, Protocol, TypeAlias, TypeVar

JSON: TypeAlias = "bool | int | float | str | list[JSON] | dict[str, JSON] | None"

Unit = Literal["bytes", "rows", "files", "objects"]

TEXT_BYTES = 16_000_000
"""Of the values of rows that wait for their photos, and of a batch; texts may be as long as a manifest likes."""


@dataclass(frozen=True, slots=True)
class ProductRow:
    """A product as its manifest describes it. A blank cell is None, blank attributes are left out.

    `price` is not negative, below 10**10 and has at most four decimals; `currency` is three capital letters.
    """

    sku: str
    title: str | None
    description: str | None
    brand: str | None
    category: str | None
    price: Decimal | None
    currency: str | None
    parent_sku: str | None
    attributes: dict[str, JSON]


@dataclass(frozen=True, slots=True)
class Row:
    """A good row. `line` counts from 1: the line of the file, or the row (Parquet) or file (folder).

    `photos` are references for `catalog.sources`, each once, the main photo first. `repeats` is the line
    where this sku came first: such a row only adds photos, its product data is blank or as on that line.
    """

    line: int
    product: ProductRow
    photos: tuple[str, ...]
    repeats: int | None = None

    @property
    def weight(self) -> int:
        """About how many bytes of memory its values take."""
        product = self.product
        return _weight([product.title, product.description, product.attributes, *self.photos])


def _weight(value: JSON) -> int:
    if isinstance(value, str):
        return 64 + len(value)
    if isinstance(value, dict):
        return 64 + sum(64 + len(name) + _weight(item) for name, item in value.items())
    return 64 + sum(map(_weight, value)) if isinstance(value, list) else 32


@dataclass(frozen=True, slots=True)
class RowError:
    """A row that cannot be used. `code` is a word for machines, `reason` a sentence for people.

    `sku` and `source` (the photo reference at fault) are shortened and made safe to print, see `shown`.
    """

    line: int
    sku: str | None
    source: str | None
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a reader is: `done` of `total` units; `total` is None where nobody can know it."""

    done: int
    total: int | None
    unit: Unit


@dataclass(frozen=True, slots=True)
class Limits:
    """How large a manifest's parts may be; lengths are in characters."""

    cell: int = 1_000_000
    row: int = 8_000_000
    columns: int = 10_000
    photos: int = 1_000
    reference: int = 4_096


R_co = TypeVar("R_co", covariant=True)


class Reader(Protocol[R_co]):
    """One format of files. Opening raises ManifestError; reading yields a RowError for each bad row."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The column names found, as written; empty where a format has none."""

    def rows(self) -> Iterator[R_co | RowError]:
        """All rows, streamed; call it once."""

    def progress(self) -> Progress:
        """How far `rows` is; cheap enough to call after each row."""

    def close(self) -> None:
        """Let go of files; calling it twice is no error."""


def shown(text: str, limit: int = 120) -> str:
    """`text` cut to `limit` characters and safe on any terminal: what is not printable is escaped.

    Marks that turn the writing direction are escaped as well; they can make a name look like another.
    """
    cut = text if len(text) <= limit else text[: limit - 1] + "…"
    if cut.isprintable():
        return cut
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in cut)
