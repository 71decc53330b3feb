"""One annotation of a COCO file, as much of it as the task needs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from models.predictions import Box
from models.training.clipping import clipped, shown
from models.training.left_out import LeftOut
from models.training.readers.coco_tree import Id, Record
from models.training.readers.runs import Outline, outline
from models.training.samples import TrainableTask

Size = tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class Object:
    """`box` is there for detect, `outline` for segment, and for detect where the file has one."""

    label: str
    crowd: bool
    box: Box | None = None
    outline: Outline | None = None


def read_object(record: Record, categories: Mapping[Id, str], size: Size, task: TrainableTask) -> Object:
    """`size` is the photo's width and height, where the file says it. Raises LeftOut."""
    label, crowd = _label(record, categories), bool(record.get("iscrowd"))
    if task == "classify":
        return Object(label, crowd)
    if task == "detect":
        return Object(label, crowd, _box(record, size), _outline(record, size))
    found = _outline(record, size)
    if found is None and size is not None:  # without a size the whole photo is left out
        raise LeftOut("no_outline", f"its {label} has no segmentation, which a mask is drawn from")
    return Object(label, crowd, None, found)


def _label(record: Record, categories: Mapping[Id, str]) -> str:
    number = record.get("category_id")
    if not isinstance(number, (int, str)) or number not in categories:
        raise LeftOut("unknown_category", f"its category_id {number!r} is that of no category")
    return categories[number]


def _box(record: Record, size: Size) -> Box:
    try:
        left, top, width, height = (float(value) for value in record.get("bbox") or ())
    except (TypeError, ValueError, OverflowError):
        raise LeftOut("bad_box", f"its bbox {str(record.get('bbox'))[:60]} is not four numbers") from None
    box = Box(left, top, left + width, top + height)
    if not all(map(math.isfinite, (box.left, box.top, box.right, box.bottom))):
        raise LeftOut("bad_box", f"its bbox {str(record.get('bbox'))[:60]} is not four numbers")
    if box.area <= 0:
        raise LeftOut("empty_box", f"its box {shown(box)} has no area")
    if size is not None and clipped(box, *size) is None:
        raise LeftOut("box_outside", f"its box {shown(box)} lies outside the photo of {size[0]} x {size[1]}")
    return box


def _outline(record: Record, size: Size) -> Outline | None:
    return None if size is None else outline(record.get("segmentation"), size[1], size[0])
