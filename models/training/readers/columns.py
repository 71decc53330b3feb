"""Which column of a table of labels means what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from models.errors import DataError

NAMES: Final[dict[str, tuple[str, ...]]] = {
    "image": (
        *("image", "photo", "picture", "img", "file", "filename", "path", "filepath"),
        *("image path", "image file", "image name", "photo path", "photo file", "img path"),
    ),
    "label": ("label", "class", "category", "target", "class name", "label name", "product type"),
    "product": ("product", "sku", "product id", "product sku", "item id", "article id", "group"),
    "split": ("split", "subset", "set", "partition"),
    "second": ("second", "second label", "label 2", "annotator 2", "second annotator"),
}
"""A field -> the column names that mean it, best first. Case, blanks, `_` and `-` make no difference."""

CORNERS: Final = (
    ("left", "top", "right", "bottom"),
    ("xmin", "ymin", "xmax", "ymax"),
    ("x1", "y1", "x2", "y2"),
)
"""Columns of a box, `right` and `bottom` exclusive. Beside them, `width` and `height` are the photo's."""

EXTENTS: Final = (("x", "y", "w", "h"), ("x", "y", "width", "height"))


@dataclass(frozen=True, slots=True)
class Columns:
    """Indices into a row. `box`: four, corners or, with `extents`, left, top, width and height; `size`: the photo's."""

    image: int
    label: int
    product: int | None
    split: int | None
    second: int | None
    box: tuple[int, ...] | None
    extents: bool
    size: tuple[int, ...] | None


def find_columns(path: Path, names: Sequence[str], chosen: Mapping[str, str]) -> Columns:
    """`chosen` (the recipe's `data.columns`) goes before `NAMES`. Raises DataError, which lists what was found."""
    strange = sorted(set(chosen) - set(NAMES))
    if strange:
        raise DataError(f"data.columns names {strange[0]!r}, which is none of {', '.join(NAMES)}")
    places = {_squashed(name): k for k, name in reversed([*enumerate(names)])}
    fields = {field: _place(path, field, names, places, chosen.get(field)) for field in NAMES}
    image, label = (_required(path, field, names, fields[field]) for field in ("image", "label"))
    corners, extents = _four(places, CORNERS), _four(places, EXTENTS)
    return Columns(
        image=image,
        label=label,
        product=fields["product"],
        split=fields["split"],
        second=fields["second"],
        box=corners or extents,
        extents=corners is None,
        size=_all(places, ("width", "height")) if corners else None,
    )


def _place(
    path: Path, field: str, names: Sequence[str], places: Mapping[str, int], chosen: str | None
) -> int | None:
    if chosen is None:
        return next((places[name] for name in map(_squashed, NAMES[field]) if name in places), None)
    if chosen in names:
        return names.index(chosen)
    raise DataError(f"{path} has no column {chosen!r}, which data.columns.{field} names; {_found(names)}")


def _required(path: Path, field: str, names: Sequence[str], place: int | None) -> int:
    if place is None:
        what = "the photo" if field == "image" else "the label"
        raise DataError(
            f"{path} has no column for {what}; name it {field}, or set data.columns.{field}; {_found(names)}"
        )
    return place


def _found(names: Sequence[str]) -> str:
    return f"columns found: {', '.join(repr(name) for name in names[:50]) or 'none'}"


def _four(places: Mapping[str, int], ways: Sequence[Sequence[str]]) -> tuple[int, ...] | None:
    return next((found for found in (_all(places, way) for way in ways) if found), None)


def _all(places: Mapping[str, int], names: Sequence[str]) -> tuple[int, ...] | None:
    found = [places[name] for name in names if name in places]
    return tuple(found) if len(found) == len(names) else None


def _squashed(name: str) -> str:
    """`Image Path`, `image_path` and `imagePath` are one name."""
    return "".join(character for character in name.casefold() if character.isalnum())
