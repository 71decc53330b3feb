"""Masks against boxes: where people drew boxes around what the mask should show, as doctors do."""

from __future__ import annotations

import numpy as np

from models.predictions import Box
from models.training.measure.agreement import Agreement, of_boxes
from models.training.measure.boxes import Boxes, Shares, drawn, match, overlaps
from models.training.measure.components import region_boxes
from models.training.measure.measured import Mistake, ShownBox
from models.training.measure.reading import Seen
from models.training.measure.worst import Worst, small, small_mask
from models.training.samples import Mask


class RegionTally:
    """Compares the boxes around a mask's connected regions with the boxes that people drew, label by label."""

    def __init__(self, labels: tuple[str, ...], worst: Worst) -> None:
        self._labels = labels
        self._index = {label: k for k, label in enumerate(labels)}
        self._worst = worst
        self._pairs: list[tuple[Boxes, Boxes]] = []
        self._both: list[tuple[Boxes, Boxes, Boxes]] = []

    def add(self, one: Seen, answer: Mask) -> None:
        """One photo without a mask, and the model's mask of it."""
        known = drawn(one.sample.instances or (), self._index)
        found = region_boxes(answer, len(self._labels))
        self._pairs.append((known, found))
        if isinstance(one.sample.second, tuple):
            self._both.append((known, drawn(one.sample.second, self._index), found))
        met = match(known, found) >= 0
        weight = 1 - (2 * int(met.sum()) / (len(known) + len(found)) if len(known) + len(found) else 1)
        if weight:
            self._worst.offer(weight, lambda: self._mistake(one, weight, answer, known, found))

    def figures(self) -> dict[str, float]:
        """Empty without such photos."""
        if not self._pairs:
            return {}
        met = sum(int((match(known, found) >= 0).sum()) for known, found in self._pairs)
        best = np.concatenate([_best_overlaps(known, found) for known, found in self._pairs])
        regions = sum(len(found) for _, found in self._pairs)
        return {
            "boxes_precision": met / regions if regions else float("nan"),
            "boxes_recall": met / len(best) if len(best) else float("nan"),
            "boxes_iou": float(best.mean()) if len(best) else float("nan"),
        }

    def agreement(self) -> Agreement | None:
        first, second, model = ([row[k] for row in self._both] for k in range(3))
        return of_boxes(first, second, model)

    def _mistake(self, one: Seen, weight: float, answer: Mask, known: Boxes, found: Boxes) -> Mistake:
        picture = small(one.photo.pixels)
        partner = match(known, found)
        met = int((partner >= 0).sum())
        return Mistake(
            photo=one.sample.photo.name,
            origin=one.sample.origin,
            weight=weight,
            truth=f"{met} of {len(known)} boxes met",
            answer=f"{len(found)} regions",
            picture=picture,
            width=one.photo.width,
            height=one.photo.height,
            known_boxes=self._shown(known, np.isin(np.arange(len(known)), partner).tolist()),
            found_boxes=self._shown(found, (partner >= 0).tolist()),
            found_mask=small_mask(answer, picture.shape[:2]),
        )

    def _shown(self, boxes: Boxes, right: list[bool]) -> tuple[ShownBox, ...]:
        rows = zip(boxes.corners.tolist(), boxes.labels, right, strict=True)
        return tuple(ShownBox(self._labels[label], Box(*corners), fine) for corners, label, fine in rows)


def _best_overlaps(known: Boxes, found: Boxes) -> Shares:
    """IoU of each known box with the region of its label that it overlaps most, (len(known),); 0 without one."""
    shared = overlaps(known.corners, found.corners)
    shared[known.labels[:, None] != found.labels[None, :]] = 0
    best: Shares = shared.max(axis=1, initial=0)
    return best
