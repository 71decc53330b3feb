"""The objects of one XML file of PASCAL VOC. Pixels count from 1 there, and the last one lies in the box."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element

from models.predictions import Box
from models.training.clipping import shown
from models.training.left_out import LeftOut
from models.training.readers.safe_xml import parse
from models.training.samples import Instance, Problem


@dataclass(frozen=True, slots=True)
class Annotation:
    """`size`: width and height of the photo that was annotated, if the file says so."""

    objects: tuple[Instance, ...]
    size: tuple[int, int] | None
    problems: tuple[Problem, ...]


def read_annotation(path: Path) -> Annotation:
    """Raises LeftOut: no XML, or objects none of which can be used."""
    root = parse(path)
    objects, problems = [], []
    for number, element in enumerate(root.findall("object"), start=1):
        try:
            objects.append(_object(element))
        except LeftOut as why:
            problems.append(why.at(f"{path}: object {number}"))
    if problems and not objects:
        raise LeftOut("no_usable_box", f"none of its boxes can be used; the first: {problems[0].sentence}")
    return Annotation(tuple(objects), _size(root), tuple(problems))


def _object(element: Element) -> Instance:
    label = (element.findtext("name") or "").strip()
    if not label:
        raise LeftOut("no_label", "it has no name")
    try:
        left, top, right, bottom = (
            float(element.findtext(f"bndbox/{side}") or "") for side in ("xmin", "ymin", "xmax", "ymax")
        )
    except ValueError:
        raise LeftOut("bad_box", f"the bndbox of its {label} is not four numbers") from None
    box = Box(left - 1, top - 1, right, bottom)
    if not all(map(math.isfinite, (left, top, right, bottom))):
        raise LeftOut("bad_box", f"the bndbox of its {label} is not four numbers")
    if box.area <= 0:
        raise LeftOut("empty_box", f"the box {shown(box)} of its {label} has no area")
    return Instance(label, box)


def _size(root: Element) -> tuple[int, int] | None:
    """Some tools write zeros where they do not know."""
    width, height = (root.findtext(f"size/{side}", "").strip() for side in ("width", "height"))
    if not width.isdecimal() or not height.isdecimal() or "0" in (width, height) or len(width + height) > 18:
        return None
    return int(width), int(height)
