"""How right the models were: pure functions from known answers and predictions to figures."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from models.predictions import Detection

BoolMask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class AveragePrecision:
    """Mean average precision over labels, after COCO: at an IoU of 0.5, and averaged over 0.5 to 0.95."""

    at_50: float
    at_50_95: float


@dataclass(frozen=True, slots=True)
class MaskOverlap:
    """Intersection over union of both classes, over the pixels of all photos together."""

    background: float
    product: float

    @property
    def mean(self) -> float:
        return (self.background + self.product) / 2


@dataclass(frozen=True, slots=True)
class KnownBoxes:
    """A photo's objects: `boxes` (k, 4) left, top, right, bottom, and the label of each."""

    boxes: npt.NDArray[np.float32]
    labels: tuple[str, ...]


def accuracy(known: Mapping[str, str], found: Mapping[str, str]) -> float:
    """The share of `known` labels that were found; a photo without an answer counts as wrong."""
    return sum(found.get(key) == label for key, label in known.items()) / len(known) if known else 0.0


def average_precision(
    known: Sequence[KnownBoxes], found: Sequence[Sequence[Detection]]
) -> AveragePrecision | None:
    """COCO's measure over photos in the same order; None without pycocotools (the extra `train`).

    No threshold is applied: give it every stored box.
    """
    try:
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval
    except ImportError:
        return None
    labels = sorted({label for one in known for label in one.labels})
    truths = [
        {**_coco(photo, labels.index(label), box), "id": 0, "iscrowd": 0}
        for photo, one in enumerate(known, start=1)
        for label, box in zip(one.labels, one.boxes.tolist(), strict=True)
    ]
    answers = [
        {**_coco(photo, labels.index(one.label), edges(one)), "score": one.score}
        for photo, items in enumerate(found, start=1)
        for one in items
        if one.label in labels
    ]
    if not truths or not answers:
        return AveragePrecision(0.0, 0.0)
    for number, truth in enumerate(truths, start=1):
        truth["id"] = number
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints as it goes
        truth_set = COCO()
        truth_set.dataset = {
            "images": [{"id": photo} for photo in range(1, len(known) + 1)],
            "annotations": truths,
            "categories": [{"id": number, "name": label} for number, label in enumerate(labels)],
        }
        truth_set.createIndex()
        run = COCOeval(truth_set, truth_set.loadRes(answers), "bbox")
        run.evaluate()
        run.accumulate()
        run.summarize()
    return AveragePrecision(float(run.stats[1]), float(run.stats[0]))


def agrees(known: KnownBoxes, found: Sequence[Detection], iou: float = 0.5) -> list[bool]:
    """Whether each box, best first, meets a known one of its label that no better box has met."""
    left = list(range(len(known.labels)))
    verdicts = []
    for one in found:
        meets = [
            (box_iou(known.boxes[k].tolist(), edges(one)), k) for k in left if known.labels[k] == one.label
        ]
        best, k = max(meets, default=(0.0, -1))
        verdicts.append(best >= iou)
        if best >= iou:
            left.remove(k)
    return verdicts


def box_iou(one: Sequence[float], other: Sequence[float]) -> float:
    """Intersection over union of two boxes: left, top, right, bottom."""
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(0.0, wide) * max(0.0, high)
    areas = ((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    union = sum(areas) - shared
    return shared / union if union > 0 else 0.0


def mask_overlap(pairs: Iterable[tuple[BoolMask, BoolMask]]) -> MaskOverlap:
    """The overlap of (known, found) masks, bool (height, width) each."""
    both = known_only = found_only = neither = 0
    for known, found in pairs:
        hits = int(np.count_nonzero(known & found))
        in_known, in_found = int(np.count_nonzero(known)), int(np.count_nonzero(found))
        both += hits
        known_only += in_known - hits
        found_only += in_found - hits
        neither += known.size - in_known - in_found + hits
    wrong = known_only + found_only
    return MaskOverlap(_share(neither, neither + wrong), _share(both, both + wrong))


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 1.0


def _coco(photo: int, label: int, box: Sequence[float]) -> dict[str, Any]:
    left, top, right, bottom = box
    wide, high = right - left, bottom - top
    return {"image_id": photo, "category_id": label, "bbox": [left, top, wide, high], "area": wide * high}


def edges(one: Detection) -> tuple[float, float, float, float]:
    """Left, top, right, bottom."""
    return one.box.left, one.box.top, one.box.right, one.box.bottom
