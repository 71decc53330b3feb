"""A changed product as a tile: its photo, with what was said before and what is said after."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from catalog.diff import Pair
from catalog.diff_examples import Example, Said
from catalog.diff_sql import RESIZED
from catalog.versions import Version
from workers.pages import pictures
from workers.pages.pictures import BoolMask, LabelMask
from workers.pages.thumbnails import Objects

Course = Literal["lost", "gained", "resized", "kept"]

_SIDE = 420
_COLOURS = ((0, 190, 255), (255, 122, 26), (120, 200, 60), (235, 80, 160), (250, 200, 40), (150, 110, 240))


@dataclass(frozen=True, slots=True)
class Line:
    """What a label was and is: its score, its number of boxes or its share of the photo; None where it was not said."""

    label: str
    before: float | None
    after: float | None
    course: Course


class Tiles:
    """Plain dictionaries for the template; escaping is the template's."""

    def __init__(self, pair: Pair, objects: Objects) -> None:
        self._pair = pair
        self._objects = objects

    def make(self, example: Example) -> dict[str, Any]:
        """One tile; two frames where boxes or masks are drawn. `iou` is None where masks are not compared."""
        found = self._objects.photo(example.object_key, _SIDE)
        task = self._pair.old.task
        masks = self._masks(example) if task == "segment" else None
        told = lines(example, task)
        changed = {line.label for line in told if line.course != "kept"}
        return {
            "example": example,
            "picture": found if isinstance(found, str) else None,
            "note": "" if isinstance(found, str) else str(found),
            "lines": told,
            "frames": [
                {
                    "version": version.key,
                    "boxes": [_box(one, example, one.label in changed) for one in said if one.box],
                    "masks": list(_outlines(mask, said, version, _labels(example))) if masks else [],
                }
                for version, said, mask in zip(
                    (self._pair.old, self._pair.new),
                    (example.before, example.after),
                    masks or (None, None),
                    strict=True,
                )
            ],
            "iou": masks and self._iou(example, *masks),
        }

    def _masks(self, example: Example) -> tuple[LabelMask, LabelMask] | None:
        """Both masks, empty where nothing was found; None where one cannot be read or they do not fit together."""
        found = [self._mask(example, said) for said in (example.before, example.after)]
        old, new = found
        if old is None or new is None or old.shape != new.shape:
            return None
        return old, new

    def _mask(self, example: Example, said: Sequence[Said]) -> LabelMask | None:
        if not said or said[0].mask_key is None:
            return np.zeros((example.height, example.width), np.uint8)
        found = self._objects.mask(said[0].mask_key)
        return found if isinstance(found, np.ndarray) else None

    def _iou(self, example: Example, old: LabelMask, new: LabelMask) -> float:
        """Mean over the labels that either says."""
        shares = []
        for label in _labels(example):
            before, after = _where(old, self._pair.old, label), _where(new, self._pair.new, label)
            either = int(np.count_nonzero(before | after))
            shares.append(int(np.count_nonzero(before & after)) / max(1, either))
        return float(np.mean(shares))


def lines(example: Example, task: str) -> list[Line]:
    """A line a label, changed ones first."""
    old, new = _amounts(example.before, task), _amounts(example.after, task)
    made = []
    for label in dict.fromkeys((*old, *new)):
        before, after = old.get(label), new.get(label)
        made.append(Line(label, before, after, _course(before, after, task)))
    return sorted(made, key=lambda line: line.course == "kept")


def _amounts(said: Sequence[Said], task: str) -> dict[str, float]:
    if task == "detect":
        return dict(Counter(one.label for one in said))
    return {one.label: one.score if one.area is None else one.area for one in said}


def _course(before: float | None, after: float | None, task: str) -> Course:
    if before is None or after is None:
        return "gained" if before is None else "lost"
    if task == "detect" and before != after:
        return "gained" if after > before else "lost"
    return "resized" if task == "segment" and abs(after - before) > RESIZED else "kept"


def _labels(example: Example) -> list[str]:
    return list(dict.fromkeys(one.label for one in (*example.before, *example.after)))


def _where(mask: LabelMask, version: Version, label: str) -> BoolMask:
    """Where a version says `label`: nowhere, if it does not know it."""
    known = version.spec["labels"]
    return mask == known.index(label) + 1 if label in known else np.zeros(mask.shape, np.bool_)


def _outlines(
    mask: LabelMask | None, said: Sequence[Said], version: Version, labels: Sequence[str]
) -> Iterator[str]:
    """A layer a label, in the colour that it has on both sides."""
    for one in said:
        if mask is not None:
            colour = _COLOURS[labels.index(one.label) % len(_COLOURS)]
            yield pictures.overlay(_where(mask, version, one.label), colour, _SIDE)


def _box(said: Said, example: Example, changed: bool) -> dict[str, Any]:
    box = said.box
    assert box is not None
    return {
        "label": said.label,
        "score": said.score,
        "changed": changed,
        "x": box.left,
        "y": box.top,
        "w": box.right - box.left,
        "h": box.bottom - box.top,
        # Where its name goes, in % of the picture; names near an edge are turned inwards.
        "end": box.left > 0.6 * example.width,
        "inside": box.top < 0.1 * example.height,
        "side": 100 * (box.right if box.left > 0.6 * example.width else box.left) / example.width,
        "top": 100 * max(box.top, 0) / example.height,
    }
