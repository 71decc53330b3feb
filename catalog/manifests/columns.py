"""Which column of a manifest means what: one table of names, and how a header is read with it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from catalog.errors import ManifestError
from catalog.manifests.rows import shown

FIELD_NAMES: Final[dict[str, tuple[str, ...]]] = {
    "sku": ("sku", "product sku", "id", "product id", "item id", "article id", "article", "handle"),
    "title": ("title", "name", "product name", "product title", "product display name", "item name"),
    "description": ("description", "product description", "long description", "body", "body html"),
    "brand": ("brand", "brand name", "manufacturer", "vendor"),
    "category": ("category", "product category", "product type", "google product category", "type"),
    "price": ("price", "unit price", "variant price"),
    "currency": ("currency", "currency code", "price currency"),
    "parent_sku": ("parent sku", "parent", "parent id", "item group id"),
    "attributes": ("attributes",),
}
"""A field -> the column names that mean it, best first. Case, spaces, `_` and `-` make no difference.

When several are there, the best is the field and the others go to the attributes, as all unknown columns do.
The column `attributes` holds a JSON object.
"""

_NOUNS = ("image", "photo", "picture", "img")
_KINDS = ("", "s", "path", "paths", "file", "files", "filename", "url", "urls", "link", "src")

PHOTO_NAMES: Final = (
    *(f"{noun} {kind}" for noun in _NOUNS for kind in _KINDS),
    "additional image link",
    "additional images",
)
"""Columns of photos; all that are there add up. They may be repeated, and numbered: `image_1`, `image_2`."""

WEAK_PHOTO_NAMES: Final = ("path", "file path", "filename", "file", "url")
"""Columns of photos where no name of PHOTO_NAMES is there."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Where things are in a row: indices into its values."""

    names: tuple[str, ...]
    fields: dict[str, int]
    photos: tuple[int, ...]
    attributes: tuple[tuple[int, str], ...]


def read_columns(names: Sequence[str], *, limit: int) -> Columns:
    """What each of the columns `names` means. Raises ManifestError: too many, or one name twice."""
    if len(names) > limit:
        raise ManifestError(f"the manifest has {len(names):,} columns; at most {limit:,} are read")
    for index, name in enumerate(names):
        check_name(name, f"the name of column {index + 1}")
    squashed = [_squash(name) for name in names]
    photos = _photo_columns(squashed)
    used = set(photos)
    fields: dict[str, int] = {}
    for field, aliases in _FIELDS.items():
        for alias in aliases:
            if alias in squashed:
                fields[field] = squashed.index(alias)
                used.add(fields[field])
                break
    _refuse_repeats(names, squashed, photos)
    attributes = tuple(
        (i, name.strip() or f"column_{i + 1}") for i, name in enumerate(names) if i not in used
    )
    return Columns(tuple(names), fields, photos, attributes)


def check_name(name: str, what: str) -> None:
    """Refuse a name that is too long, not valid text or not printable (ManifestError)."""
    if len(name) > _LONGEST_NAME:
        raise ManifestError(f"{what} has {len(name):,} characters, more than {_LONGEST_NAME:,}")
    if not name.isprintable():
        raise ManifestError(
            f"{what} is not printable: {shown(name)}; save the file as UTF-8, without line breaks"
        )


def require_columns(columns: Columns) -> Columns:
    """`columns`, if a sku and photos are among them; else ManifestError, which lists what was found."""
    found = ", ".join(shown(name, 60) for name in columns.names[:50]) or "none"
    if "sku" not in columns.fields:
        raise ManifestError(f"no column is named sku (or id, product_id, ...). Columns found: {found}")
    if not columns.photos:
        raise ManifestError(
            f"no column is named image (or photo, path, filename, ...). Columns found: {found}"
        )
    return columns


def known_columns(names: Sequence[str]) -> int:
    """How many of `names` are fields or photos: a header is the reading of a line that knows the most."""
    squashed = [_squash(name) for name in names]
    known = set().union(*_FIELDS.values())
    return len(_photo_columns(squashed)) + sum(name in known for name in squashed)


def _photo_columns(squashed: Sequence[str]) -> tuple[int, ...]:
    """The photo columns, in the order of their numbers, then of the header."""
    for accepted in (_PHOTOS, _WEAK_PHOTOS):
        found = []
        for index, name in enumerate(squashed):
            match = _NUMBERED.fullmatch(name)
            if match and match["name"] in accepted:
                found.append((int(match["number"] or 0), index))
        if found:
            return tuple(index for _, index in sorted(found))
    return ()


def _refuse_repeats(names: Sequence[str], squashed: Sequence[str], photos: tuple[int, ...]) -> None:
    seen: dict[str, int] = {}
    for index, name in enumerate(squashed):
        if not name or index in photos:
            continue
        first = seen.setdefault(name, index)
        if first != index:
            raise ManifestError(
                f"columns {first + 1} and {index + 1} are both named {shown(names[index], 60)}; rename one"
            )


def _squash(name: str) -> str:
    """`Image Path`, `image_path` and `imagePath` are one name."""
    return "".join(character for character in name.casefold() if character.isalnum())


_FIELDS = {field: tuple(_squash(alias) for alias in aliases) for field, aliases in FIELD_NAMES.items()}
_PHOTOS = frozenset(_squash(name) for name in PHOTO_NAMES)
_WEAK_PHOTOS = frozenset(_squash(name) for name in WEAK_PHOTO_NAMES)
_NUMBERED = re.compile(r"(?P<name>.*?)(?P<number>[0-9]{0,4})", re.ASCII | re.DOTALL)
_LONGEST_NAME = 1_000
