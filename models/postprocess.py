"""Raw network output to predictions in photo pixels. Pure functions on CPU tensors.

Each function answers for every photo of the batch: a prediction, or UnusableOutput where the network's
numbers are not finite. Nothing of such a photo is passed on, and its neighbours are not touched.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from models.errors import SpecError, UnusableOutput
from models.geometry import Placement
from models.masks import segmentation
from models.predictions import Box, Classification, Detection, Detections, Embedding, Prediction, Score, Task
from models.spec import ModelSpec

Answer = Prediction | UnusableOutput


def answers(spec: ModelSpec, raw: Mapping[Task, Any], placements: Sequence[Placement]) -> list[Answer]:
    """What the model `spec` says of each photo, in the batch's order."""
    found = raw[spec.task]
    match spec.task:
        case "classify":
            return classifications(spec, found)
        case "detect":
            return detections(spec, found, placements)
        case "segment":
            return segmentations(spec, found, placements)
        case "embed":
            return embeddings(spec, found)
        case "describe":
            raise SpecError(f"{spec.key} is no network; load it with `load_predictors`")


def classifications(spec: ModelSpec, logits: Tensor) -> list[Answer]:
    """Softmax of logits (N, labels) at the spec's temperature: the `top_k` labels of each photo, best first."""
    calibrated = logits.float() / (spec.options.temperature or 1.0)
    best = calibrated.softmax(dim=1).topk(min(spec.options.top_k, logits.shape[1]))
    found: list[Answer] = []
    for fine, scores, labels in zip(
        _finite(calibrated), best.values.tolist(), best.indices.tolist(), strict=True
    ):
        ranked = (Score(spec.labels[k], score) for k, score in zip(labels, scores, strict=True))
        found.append(Classification(tuple(ranked)) if fine else unusable(spec))
    return found


def detections(
    spec: ModelSpec, raw: Sequence[Mapping[str, Tensor]], placements: Sequence[Placement]
) -> list[Answer]:
    """Boxes clipped to the photo, best first; those below `min_score`, or outside the photo, are dropped."""
    return [_detections(spec, one, place) for one, place in zip(raw, placements, strict=True)]


def segmentations(spec: ModelSpec, logits: Tensor, placements: Sequence[Placement]) -> list[Answer]:
    """Masks at the photos' own sizes, from logits (N, 1 + labels, h, w)."""
    return [
        segmentation(one, place, spec.labels) if fine else unusable(spec)
        for one, place, fine in zip(logits, placements, _finite(logits), strict=True)
    ]


def embeddings(spec: ModelSpec, vectors: Tensor) -> list[Answer]:
    """Unit vectors, from (N, width). A vector of zeros has no direction, so it is unusable too."""
    vectors = vectors.float()
    lengths = vectors.norm(dim=1, keepdim=True)
    unit = (vectors / lengths).numpy()
    usable = (torch.isfinite(lengths) & (lengths > 0)).flatten().tolist()
    return [Embedding(unit[k].copy()) if fine else unusable(spec) for k, fine in enumerate(usable)]


def _detections(spec: ModelSpec, raw: Mapping[str, Tensor], place: Placement) -> Answer:
    boxes, scores = raw["boxes"].float(), raw["scores"].float()
    if not (torch.isfinite(boxes).all() and torch.isfinite(scores).all()):
        return unusable(spec)
    order = scores.argsort(descending=True, stable=True)
    rows = zip(boxes[order].tolist(), scores[order].tolist(), raw["labels"][order].tolist(), strict=True)
    items: list[Detection] = []
    for corners, score, label in rows:
        if score < spec.options.min_score or len(items) == spec.options.max_items:
            break
        box = place.to_photo(Box(*corners))
        if box.area > 0:
            items.append(Detection(spec.labels[label], score, box))
    return Detections(tuple(items))


def usable(raw: Mapping[Task, Any], count: int) -> list[bool]:
    """Which of the batch's `count` photos have only finite numbers in all of the network's fixed-size outputs.

    Detectors drop boxes whose score is not a number, so a broken photo would look empty. Where the same pass also
    gives other outputs, they tell.
    """
    rows = [_finite(value) for value in raw.values() if isinstance(value, Tensor)]
    return [all(row[k] for row in rows) for k in range(count)]


def unusable(spec: ModelSpec) -> UnusableOutput:
    """The error of a photo whose answer cannot be used."""
    return UnusableOutput(f"{spec.key} answered with values that are not finite numbers")


def _finite(raw: Tensor) -> list[bool]:
    fine: list[bool] = torch.isfinite(raw).flatten(1).all(dim=1).tolist()
    return fine
