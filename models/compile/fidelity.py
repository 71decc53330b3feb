"""The gate: a faster form may answer only as the plain float32 form does, on real photos of products."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache

import numpy as np
import numpy.typing as npt
import torch
from torchvision.ops import box_iou

from models.decode import Photo
from models.predictions import (
    Box,
    Classification,
    Detection,
    Detections,
    Embedding,
    Prediction,
    Segmentation,
    Task,
)
from models.predictor import Predictor

BOUNDS = {"top1": 0.99, "boxes": 0.98, "mask_iou": 0.98, "cosine": 0.999}
"""Least agreement: shares of photos and of boxes, the mean IoU of masks, the smallest cosine of embeddings."""
BOUNDS_INT8 = {"top1": 0.98, "boxes": 0.95, "mask_iou": 0.95, "cosine": 0.99}
"""The same for int8, which is only used where it is asked for."""

MEASURES: dict[Task, str] = {
    "classify": "top1",
    "detect": "boxes",
    "segment": "mask_iou",
    "embed": "cosine",
}
SURE = 0.3  # boxes below this score come and go with the last bit
CLOSE = 0.9  # IoU from which two boxes are the same
PHOTOS, PHOTOS_LARGE, LARGE = 200, 64, 300


def agreement(plain: Predictor, fast: Predictor, photos: Sequence[Photo]) -> dict[str, float]:
    """How far `fast` answers as `plain` does, by the names in `BOUNDS`.

    Raises:
        UnusableOutput: numbers of a photo are not finite, as where half precision overflows.
    """
    pairs = [
        pair
        for answers in zip(plain.predict(photos), fast.predict(photos), strict=True)
        for pair in zip(*answers, strict=True)
    ]
    found: dict[str, list[float]] = {}
    for one, other in pairs:
        for name, value in _compare(one, other):
            found.setdefault(name, []).append(value)
    worst_counts = {"cosine"}
    return {
        name: float(min(values) if name in worst_counts else np.mean(values))
        for name, values in found.items()
    }


def shortfall(
    found: dict[str, float], tasks: Iterable[Task] = (), bounds: Mapping[str, float] = BOUNDS
) -> str:
    """What is below its bound, as a sentence; empty where the form may be used.

    Of each of `tasks` something must have been found to compare.
    """
    if silent := [task for task in tasks if MEASURES[task] not in found]:
        return f"nothing was found on the photos that could be compared: {', '.join(silent)}"
    low = [f"{name} {value:.4f} < {bounds[name]}" for name, value in found.items() if value < bounds[name]]
    return f"answers differ from float32: {', '.join(low)}" if low else ""


def _compare(one: Prediction, other: Prediction) -> list[tuple[str, float]]:
    match one, other:
        case Classification(scores), Classification(others):
            return [("top1", float(scores[0].label == others[0].label))]
        case Embedding(vector), Embedding(another):
            return [("cosine", float(vector @ another))]
        case Segmentation(), Segmentation():
            found = one.segments or other.segments  # two empty masks prove nothing
            return [("mask_iou", _mask_iou(one.mask, other.mask))] if found else []
        case Detections(items), Detections(others):
            return [("boxes", float(near)) for near in _matched(items, others) + _matched(others, items)]
    raise TypeError(f"cannot compare {type(one).__name__} with {type(other).__name__}")


def _mask_iou(one: npt.NDArray[np.uint8], other: npt.NDArray[np.uint8]) -> float:
    either = (one > 0) | (other > 0)
    same = (one == other) & (one > 0)
    return float(same.sum() / either.sum()) if either.any() else 1.0


def _matched(items: Sequence[Detection], others: Sequence[Detection]) -> list[bool]:
    """For each sure box whether the other form has it too, under the same label."""
    sure = [item for item in items if item.score >= SURE]
    if not sure:
        return []
    if not others:
        return [False] * len(sure)
    overlap = box_iou(_corners([item.box for item in sure]), _corners([item.box for item in others]))
    same = torch.tensor([[item.label == other.label for other in others] for item in sure])
    matched: list[bool] = ((overlap >= CLOSE) & same).any(dim=1).tolist()
    return matched


def _corners(boxes: Sequence[Box]) -> torch.Tensor:
    return torch.tensor([(box.left, box.top, box.right, box.bottom) for box in boxes])


@cache
def real_photos(side: int) -> tuple[Photo, ...]:
    """Products of the starter pack's sample, alone and on shelves. Fewer for networks that look at large photos."""
    return _photos(PHOTOS if side <= LARGE else PHOTOS_LARGE, 0)


@cache
def calibration_photos(side: int) -> tuple[Photo, ...]:
    """As many photos as `real_photos`, none of them among those: what is chosen by these is judged by those."""
    return _photos(PHOTOS if side <= LARGE else PHOTOS_LARGE, 1)


def _photos(count: int, part: int) -> tuple[Photo, ...]:
    from models.starter.listing import listing_photo
    from models.starter.sample import load_sample
    from models.starter.shelf import compose

    products, labels, _ = load_sample()
    rng = np.random.default_rng(0)
    shelves = count // 4
    shuffled = rng.permutation(len(products))
    chosen = shuffled[part * count :][: count - shelves]
    on_shelves = shuffled[count:] if part else np.arange(len(products))
    alone = [listing_photo(products[k], int(labels[k]), rng) for k in chosen]
    seeds = range(part * shelves, (part + 1) * shelves)
    together = [compose(products[on_shelves], labels[on_shelves], seed) for seed in seeds]
    return tuple(Photo(one.pixels, one.pixels.shape[1], one.pixels.shape[0]) for one in alone + together)
