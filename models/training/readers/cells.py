"""From one row of a table of labels to values. Each function raises LeftOut."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from models.predictions import Box
from models.training.left_out import LeftOut
from models.training.readers.columns import Columns
from models.training.readers.files import located
from models.training.readers.split_names import SPLIT_NAMES
from models.training.samples import Split

_DIGITS = 10  # of a photo's width: Python refuses to read numbers of thousands


@dataclass(frozen=True, slots=True)
class Row:
    """What a row says of the photo at `path`. Blank cells are None; `label` and `box` are there as the task wants."""

    line: int
    path: Path
    label: str | None
    product: str | None
    split: Split | None
    second: str | None
    box: Box | None
    size: tuple[int, int] | None


def read_row(line: int, cells: Sequence[str], width: int, columns: Columns, folder: Path) -> Row:
    """`width` is the number of cells that a row should have; photos lie in `folder`."""
    if len(cells) != width:
        raise LeftOut(
            "wrong_cell_count",
            f"the row has {len(cells)} cells, the header {width}; quote cells that hold a comma",
        )
    if not cells[columns.image].strip():
        raise LeftOut("no_photo", "the row names no photo")
    return Row(
        line=line,
        path=located(folder, cells[columns.image]),
        label=_text(cells, columns.label),
        product=_text(cells, columns.product),
        split=_split(_text(cells, columns.split)),
        second=_text(cells, columns.second),
        box=_box(cells, columns) if columns.box else None,
        size=_size(cells, columns),
    )


def _text(cells: Sequence[str], place: int | None) -> str | None:
    return None if place is None or not cells[place].strip() else cells[place]


def _split(cell: str | None) -> Split | None:
    if cell is None:
        return None
    found = SPLIT_NAMES.get(cell.strip().lower())
    if found is None:
        raise LeftOut("bad_split", f"the split {cell!r} is none of train, val and test")
    return found


def _box(cells: Sequence[str], columns: Columns) -> Box | None:
    texts = [cells[place].strip() for place in columns.box or ()]
    if not any(texts):
        return None
    try:
        numbers = [float(text) for text in texts]
    except ValueError:
        numbers = [math.nan]
    if not all(map(math.isfinite, numbers)):
        raise LeftOut("bad_box", f"the box {', '.join(texts)} is not four numbers")
    left, top, third, fourth = numbers
    box = Box(left, top, left + third, top + fourth) if columns.extents else Box(left, top, third, fourth)
    if box.area <= 0:
        raise LeftOut("empty_box", f"the box {', '.join(texts)} has no area")
    return box


def _size(cells: Sequence[str], columns: Columns) -> tuple[int, int] | None:
    texts = [cells[place].strip() for place in columns.size or ()]
    if len(texts) != 2 or not all(text.isdecimal() and len(text) < _DIGITS and int(text) for text in texts):
        return None
    return int(texts[0]), int(texts[1])
