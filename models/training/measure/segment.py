"""Figures of segmenters, from masks as they are stored in production: at the photo's own size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from models.errors import DataError, PhotoError
from models.predictions import Segmentation
from models.predictor import Outcome, Predictor
from models.training.measure.measured import Confusion, Measured, Mistake, finite
from models.training.measure.reading import Seen
from models.training.measure.regions import RegionTally
from models.training.measure.worst import Worst, small, small_mask
from models.training.samples import IGNORED, Mask, Problem

BACKGROUND = "background"
STRIP = 1 << 20
"""Pixels compared at a time."""

Counts = npt.NDArray[np.int64]
Shares = npt.NDArray[np.float64]


class SegmentTally:
    """Adds up pixels, and regions where a photo has boxes in place of a mask; keeps no photo."""

    def __init__(self, answered: Sequence[str], labels: tuple[str, ...]) -> None:
        """`answered`: the labels in the network's order; `labels`: the same in the order of the figures."""
        self._labels = labels
        # From the network's numbers to ours, as a table of all bytes.
        self._numbers = np.zeros(256, np.uint8)
        self._numbers[1 : len(labels) + 1] = [labels.index(label) + 1 for label in answered]
        self._counts = np.zeros((len(labels) + 1, len(labels) + 1), np.int64)
        self._photo_iou: list[float] = []
        self._worst = Worst()
        self._regions = RegionTally(labels, self._worst)
        self._count = self._unanswered = 0

    def look(self, predictor: Predictor, seen: Sequence[Seen]) -> None:
        outcomes = predictor.outcomes([one.photo for one in seen])
        for one, outcome in zip(seen, outcomes, strict=True):
            self._count += 1
            self._unanswered += isinstance(outcome, PhotoError)
            answer = self._numbers[_mask(outcome, one)]
            if one.mask is None:
                self._regions.add(one, answer)
            else:
                self._add(one, one.mask, answer)

    def measured(self, left_out: tuple[Problem, ...]) -> Measured:
        figures = {
            **(means(self._counts) if self._photo_iou else {}),
            **({"photo_iou": float(np.mean(self._photo_iou))} if self._photo_iou else {}),
            **self._regions.figures(),
            "unanswered": self._unanswered / self._count,
        }
        names = (BACKGROUND, *self._labels)
        return Measured(
            "segment",
            self._labels,
            self._count,
            finite(figures),
            per_label(self._counts, names) if self._photo_iou else [],
            self._worst.listed(),
            Confusion(names, self._counts, "pixels"),
            left_out,
            agreement=self._regions.agreement(),
        )

    def _add(self, one: Seen, truth: Mask, answer: Mask) -> None:
        counts = confusion(truth, answer, len(self._labels))
        self._counts += counts
        each = iou(counts)[1:]
        there = ~np.isnan(each)
        # Nothing to find and nothing found is right.
        overlap = float(each[there].mean()) if there.any() else 1.0
        self._photo_iou.append(overlap)
        if overlap < 1:
            found = [f"{self._labels[k]} {each[k]:.2f}" for k in np.flatnonzero(there)]
            present = [self._labels[k] for k in np.flatnonzero(counts[1:].sum(axis=1))]
            texts = ", ".join(present) or "nothing", f"IoU {', '.join(found)}"
            self._worst.offer(1 - overlap, lambda: _mistake(one, 1 - overlap, texts, (truth, answer)))


def confusion(truth: Mask, answer: Mask, labels: int) -> Counts:
    """Pixels, int64 (1 + labels, 1 + labels): row is the truth, column the answer. Ignored ones are left out.

    Raises:
        DataError: a value of `truth` stands for no label.
    """
    count = labels + 1
    found = np.zeros(count**2, np.int64)
    flat_truth, flat_answer = truth.reshape(-1), answer.reshape(-1)
    for start in range(0, truth.size, STRIP):
        judged = flat_truth[start : start + STRIP]
        kept = judged != IGNORED
        pairs = judged[kept].astype(np.int64) * count + flat_answer[start : start + STRIP][kept]
        counted = np.bincount(pairs, minlength=count**2)
        if len(counted) > count**2:
            raise DataError(f"a mask has values above {labels}, the number of labels")
        found += counted
    return found.reshape(count, count)


def iou(counts: Counts) -> Shares:
    """Intersection over union of each class; NaN where it is neither in the truth nor in the answers."""
    right = counts.diagonal()
    return _shares(right, counts.sum(axis=0) + counts.sum(axis=1) - right)


def dice(counts: Counts) -> Shares:
    """Dice coefficient of each class, NaN as in `iou`."""
    return _shares(2 * counts.diagonal(), counts.sum(axis=0) + counts.sum(axis=1))


def means(counts: Counts) -> dict[str, float]:
    """Over the classes that occur: `miou` and `mdice` with background, as is usual, `*_labels` without."""
    overlap, coefficient = iou(counts), dice(counts)
    return {
        "miou": _mean(overlap),
        "miou_labels": _mean(overlap[1:]),
        "mdice": _mean(coefficient),
        "mdice_labels": _mean(coefficient[1:]),
        "pixels": float(counts.trace() / max(1, counts.sum())),
    }


def per_label(counts: Counts, names: Sequence[str]) -> list[dict[str, Any]]:
    """A row a class, background first; `support` counts pixels of the truth. None where a class does not occur."""
    overlap, coefficient = iou(counts), dice(counts)
    return [
        {
            "label": name,
            "support": int(counts[k].sum()),
            "iou": None if np.isnan(overlap[k]) else float(overlap[k]),
            "dice": None if np.isnan(coefficient[k]) else float(coefficient[k]),
        }
        for k, name in enumerate(names)
    ]


def _mask(outcome: Outcome, one: Seen) -> Mask:
    """The answer's mask; all background where there is no answer."""
    if not isinstance(outcome, PhotoError) and isinstance(outcome[0], Segmentation):
        return outcome[0].mask
    return np.zeros((one.photo.height, one.photo.width), np.uint8)


def _shares(part: Counts, whole: Counts) -> Shares:
    shares: Shares = np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0)
    return shares


def _mean(values: Shares) -> float:
    told = values[~np.isnan(values)]
    return float(told.mean()) if len(told) else float("nan")


def _mistake(one: Seen, weight: float, texts: tuple[str, str], masks: tuple[Mask, Mask]) -> Mistake:
    picture = small(one.photo.pixels)
    known, found = (small_mask(mask, picture.shape[:2]) for mask in masks)
    return Mistake(
        photo=one.sample.photo.name,
        origin=one.sample.origin,
        weight=weight,
        truth=texts[0],
        answer=texts[1],
        picture=picture,
        width=one.photo.width,
        height=one.photo.height,
        known_mask=known,
        found_mask=found,
    )
