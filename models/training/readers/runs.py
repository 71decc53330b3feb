"""Outlines of objects in COCO's run lengths. Needs pycocotools (the extra `train`) only where one is drawn."""

from __future__ import annotations

import hashlib
import math
from array import array
from collections.abc import Iterator, Mapping, Sequence
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from models.errors import DataError
from models.training.left_out import LeftOut

Drawing = Sequence[Sequence[float]] | Mapping[str, Any]


def pycocotools() -> ModuleType:
    """Its module `mask`. Raises DataError where it is not installed."""
    try:
        from pycocotools import mask
    except ImportError:
        raise DataError("outlines of objects need pycocotools: `pip install 'tagmill[train]'`") from None
    return mask  # type: ignore[no-any-return]


class Outline(Mapping[str, Any]):
    """`size` [height, width] and `counts`, which are made when they are first asked for.

    Most detectors learn from boxes alone, and a large file has a million polygons.
    """

    def __init__(self, drawing: Drawing, height: int, width: int) -> None:
        self._drawing = drawing
        self._size = [height, width]
        self._counts: bytes | str | None = None

    def __getitem__(self, key: str) -> Any:
        if key == "size":
            return list(self._size)
        if key != "counts":
            raise KeyError(key)
        if self._counts is None:
            self._counts = _counts(self._drawing, *self._size)
        return self._counts

    def drawn_as(self) -> Iterator[bytes]:
        """What it is made from, without making anything."""
        if isinstance(self._drawing, Mapping):
            yield repr(self._drawing["counts"]).encode()
        else:
            yield from (array("d", polygon).tobytes() for polygon in self._drawing)

    def __iter__(self) -> Iterator[str]:
        return iter(("size", "counts"))

    def __len__(self) -> int:
        return 2


def digest(rle: Mapping[str, Any]) -> str:
    """The same for the same drawing of the same size."""
    made = hashlib.blake2b(repr(rle["size"]).encode(), digest_size=16)
    for part in rle.drawn_as() if isinstance(rle, Outline) else [repr(rle["counts"]).encode()]:
        made.update(len(part).to_bytes(8, "big") + part)
    return made.hexdigest()


def _counts(drawing: Drawing, height: int, width: int) -> bytes | str:
    if isinstance(drawing, Mapping) and isinstance(drawing["counts"], (bytes, str)):
        return drawing["counts"]
    coco = pycocotools()
    if isinstance(drawing, Mapping):
        whole: bytes = coco.frPyObjects(dict(drawing), height, width)["counts"]
        return whole
    merged: bytes = coco.merge(coco.frPyObjects([list(polygon) for polygon in drawing], height, width))[
        "counts"
    ]
    return merged


def outline(drawing: object, height: int, width: int) -> Outline | None:
    """From the `segmentation` of a COCO annotation; None where it is empty. Raises LeftOut.

    Polygons are checked here, since pycocotools takes any numbers, and all the memory that they ask for.
    """
    if not drawing:
        return None
    if isinstance(drawing, Mapping):
        _check_runs(drawing, height, width)
        return Outline(drawing, height, width)
    polygons = [_polygon(one, height, width) for one in drawing] if isinstance(drawing, list) else [None]
    if None in polygons:
        raise LeftOut(
            "bad_outline",
            "its outline is no list of polygons of three points or more, near the photo of "
            f"{width} x {height}",
        )
    return Outline([one for one in polygons if one], height, width)


def _polygon(one: object, height: int, width: int) -> Sequence[float] | None:
    """x and y in turn, packed: a list of Python's numbers takes four times the memory."""
    if not isinstance(one, list) or len(one) < 6 or len(one) % 2:
        return None
    try:
        points = array("d", one)
    except (TypeError, OverflowError):
        return None
    xs, ys = points[::2], points[1::2]
    near = -width <= min(xs) and max(xs) <= 2 * width and -height <= min(ys) and max(ys) <= 2 * height
    return points if near and math.isfinite(sum(points)) else None


def _check_runs(drawing: Mapping[str, Any], height: int, width: int) -> None:
    size, counts = drawing.get("size"), drawing.get("counts")
    if size != [height, width]:
        raise LeftOut(
            "wrong_size",
            f"its outline is for {size} (height, width), the photo is listed with {[height, width]}",
        )
    if isinstance(counts, str) and counts:
        return
    whole = isinstance(counts, list) and all(isinstance(count, int) and count >= 0 for count in counts)
    if not whole or sum(counts or ()) != height * width:
        raise LeftOut("bad_outline", f"the run lengths of its outline do not add up to {height} x {width}")


def encoded(mask: npt.NDArray[np.bool_]) -> dict[str, Any]:
    """The run lengths of a boolean mask (height, width)."""
    rle: dict[str, Any] = pycocotools().encode(np.asfortranarray(mask, dtype=np.uint8))
    return rle
