"""Boxes as arrays, and who meets whom. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.predictions import Box, Detection
from models.training.samples import Instance

Corners = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]
Shares = npt.NDArray[np.float64]

ENOUGH = 0.5
"""IoU from which two boxes mean the same thing."""


@dataclass(frozen=True, slots=True, eq=False)
class Boxes:
    """Boxes of one photo: corners (k, 4) left, top, right, bottom in its pixels, labels (k,) and scores (k,).

    The surest come first.
    """

    corners: Corners
    labels: Indices
    scores: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.labels)

    def above(self, threshold: float) -> Boxes:
        kept = self.scores >= threshold
        return Boxes(self.corners[kept], self.labels[kept], self.scores[kept])


def drawn(instances: Iterable[Instance], index: Mapping[str, int]) -> Boxes:
    """Boxes that a person drew; `index` numbers the labels."""
    return make_boxes((one.box, index[one.label], 1.0) for one in instances)


def detected(items: Iterable[Detection], index: Mapping[str, int]) -> Boxes:
    """Boxes that a model found."""
    return make_boxes((one.box, index[one.label], one.score) for one in items)


def make_boxes(rows: Iterable[tuple[Box, int, float]]) -> Boxes:
    """From (box, label, score), in any order."""
    ranked = sorted(rows, key=lambda row: -row[2])
    corners = [(box.left, box.top, box.right, box.bottom) for box, _, _ in ranked]
    return Boxes(
        np.array(corners, np.float64).reshape(-1, 4),
        np.array([label for _, label, _ in ranked], np.int64),
        np.array([score for _, _, score in ranked], np.float64),
    )


def overlaps(one: Corners, other: Corners) -> Shares:
    """Intersection over union, (n, m), of (n, 4) with (m, 4); 0 where both boxes are empty."""
    low = np.maximum(one[:, None, :2], other[None, :, :2])
    high = np.minimum(one[:, None, 2:], other[None, :, 2:])
    shared: Shares = np.clip(high - low, 0, None).prod(axis=2)
    union = _areas(one)[:, None] + _areas(other)[None, :] - shared
    return shared / np.where(union > 0, union, 1)


def match(known: Boxes, found: Boxes, *, any_label: bool = False) -> Indices:
    """For each found box, (len(found),): the index of the known one that it meets, or -1.

    The surest box chooses first, as COCO does it: among those of its label (or `any_label`) that nobody has met,
    with an IoU of at least `ENOUGH`, the one it overlaps most.
    """
    shared = overlaps(found.corners, known.corners)
    if not any_label:
        shared[found.labels[:, None] != known.labels[None, :]] = 0
    partner = np.full(len(found), -1, np.int64)
    for k in range(len(found) if len(known) else 0):
        best = int(shared[k].argmax())
        if shared[k, best] >= ENOUGH:
            partner[k] = best
            shared[:, best] = 0
    return partner


def _areas(corners: Corners) -> Shares:
    areas: Shares = np.clip(corners[:, 2:] - corners[:, :2], 0, None).prod(axis=1)
    return areas
