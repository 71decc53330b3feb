"""Average precision as COCO defines it, by pycocotools. https://cocodataset.org/#detection-eval"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from models.errors import TrainingError
from models.training.measure.boxes import Boxes

Precision = npt.NDArray[np.float64]
_SIZES = ("map", "map_small", "map_medium", "map_large")  # in the order of pycocotools' areas
_AT_50, _AT_75, _ALL_SIZES, _MOST_BOXES = 0, 5, 0, -1  # places in its arrays


@dataclass(frozen=True, slots=True, eq=False)
class AveragePrecision:
    """NaN stands for what the photos cannot tell: a label or a size that does not occur.

    `figures`: mAP by the names in `measure.figures`. `ap` and `ap50`, float64 (labels,). `curves`: precision at an
    IoU of 0.5 and recalls 0, 0.01 … 1, float64 (101, labels). Of any label there is one column, and no mAP by size.
    """

    figures: dict[str, float]
    ap: Precision
    ap50: Precision
    curves: Precision


def average_precision(
    known: Sequence[Boxes], found: Sequence[Boxes], labels: int, *, any_label: bool = False
) -> AveragePrecision:
    """Of photos in the same order; `any_label` counts all boxes as of one label.

    At most 100 boxes a photo count. Small, medium and large are areas in pixels of the photo.

    Raises:
        TrainingError: pycocotools is missing.
    """
    # (10 IoUs, 101 recalls, labels, sizes), -1 for what cannot be told
    precision = _precision(known, found, labels, any_label)[..., _MOST_BOXES]
    precision = np.where(precision < 0, np.nan, precision)
    alike = precision[..., _ALL_SIZES]
    figures = {name: _mean(precision[..., k]) for k, name in enumerate(_SIZES[: precision.shape[-1]])}
    return AveragePrecision(
        {"map50": _mean(alike[_AT_50]), "map75": _mean(alike[_AT_75]), **figures},
        alike.mean(axis=(0, 1)),
        alike[_AT_50].mean(axis=0),
        alike[_AT_50],
    )


def _mean(values: Precision) -> float:
    told = values[~np.isnan(values)]
    return float(told.mean()) if len(told) else float("nan")


def _precision(known: Sequence[Boxes], found: Sequence[Boxes], labels: int, any_label: bool) -> Precision:
    """By IoU, recall, label, size (of any label: all sizes together) and number of boxes."""
    try:
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval
    except ImportError:
        raise TrainingError(
            "measuring a detector needs pycocotools: `pip install 'tagmill[train]'`"
        ) from None
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints as it goes
        sides = [_indexed(COCO(), photos, labels) for photos in (known, found)]
        scoring = COCOeval(*sides, "bbox")
        if any_label:
            scoring.params.useCats = 0
            scoring.params.areaRng, scoring.params.areaRngLbl = scoring.params.areaRng[:1], ["all"]
        scoring.evaluate()
        scoring.accumulate()
    precision: Precision = scoring.eval["precision"]
    return precision


def _indexed(coco: Any, photos: Sequence[Boxes], labels: int) -> Any:
    """Not `loadRes`: it cannot take an empty list, and copies the rest."""
    coco.dataset = {
        "images": [{"id": photo} for photo in range(len(photos))],
        "annotations": list(_annotations(photos)),
        "categories": [{"id": label} for label in range(labels)],
    }
    coco.createIndex()
    return coco


def _annotations(photos: Sequence[Boxes]) -> Iterator[dict[str, Any]]:
    number = 0  # ids begin at 1: pycocotools takes 0 for "met nobody"
    for photo, boxes in enumerate(photos):
        rows = zip(boxes.corners.tolist(), boxes.labels.tolist(), boxes.scores.tolist(), strict=True)
        for (left, top, right, bottom), label, score in rows:
            number += 1
            wide, high = right - left, bottom - top
            yield {
                "id": number,
                "image_id": photo,
                "category_id": label,
                "bbox": [left, top, wide, high],
                "area": wide * high,
                "iscrowd": 0,
                "score": score,
            }
