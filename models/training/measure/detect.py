"""Figures of detectors, from the boxes as they are stored in production."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from models.errors import PhotoError
from models.predictions import Box, Detection, Detections, Prediction
from models.predictor import Predictor
from models.training.measure.agreement import Agreement, of_boxes
from models.training.measure.boxes import Boxes, detected, drawn, match
from models.training.measure.coco import AveragePrecision, average_precision
from models.training.measure.measured import Confusion, Measured, Mistake, ShownBox, finite
from models.training.measure.reading import Seen
from models.training.measure.worst import Worst, small
from models.training.samples import Problem

NOTHING = "nothing"


class DetectTally:
    """Adds up batches; keeps boxes, and no photo. `threshold`: the score from which a box counts in the views."""

    def __init__(self, labels: tuple[str, ...], threshold: float) -> None:
        self._labels = labels
        self._index = {label: k for k, label in enumerate(labels)}
        self._threshold = threshold
        self._known: list[Boxes] = []
        self._found: list[Boxes] = []
        self._second: list[Boxes | None] = []
        self._unanswered = 0
        self._worst = Worst()

    def look(self, predictor: Predictor, seen: Sequence[Seen]) -> None:
        outcomes = predictor.outcomes([one.photo for one in seen])
        for one, outcome in zip(seen, outcomes, strict=True):
            items = () if isinstance(outcome, PhotoError) else _items(outcome[0])
            self._unanswered += isinstance(outcome, PhotoError)
            known = drawn(one.sample.instances or (), self._index)
            found = detected(items, self._index)
            second = one.sample.second
            self._known.append(known)
            self._found.append(found)
            self._second.append(drawn(second, self._index) if isinstance(second, tuple) else None)
            self._judge(one, known, found.above(self._threshold))

    def measured(self, left_out: tuple[Problem, ...]) -> Measured:
        count = len(self._labels)
        named = average_precision(self._known, self._found, count)
        anyhow = average_precision(self._known, self._found, count, any_label=True)
        sure = [boxes.above(self._threshold) for boxes in self._found]
        counts = confusion(self._known, sure, count)
        figures = {
            **named.figures,
            "map50_any": anyhow.figures["map50"],
            **at_threshold(self._known, sure),
            **best_threshold(self._known, self._found),
            "unanswered": self._unanswered / len(self._known),
        }
        return Measured(
            "detect",
            self._labels,
            len(self._known),
            finite(figures),
            per_label(named, self._known, sure, self._labels),
            self._worst.listed(),
            Confusion((*self._labels, NOTHING), counts, "objects"),
            left_out,
            curves=_curves(named, anyhow, self._labels),
            agreement=self._agreement(sure),
        )

    def _judge(self, one: Seen, known: Boxes, found: Boxes) -> None:
        """Weight: a missed object counts 1, a false box its score."""
        partner = match(known, found)
        false = partner < 0
        missed = np.setdiff1d(np.arange(len(known)), partner)
        weight = float(len(missed) + found.scores[false].sum())
        if weight:
            known_boxes = self._shown(known, np.isin(np.arange(len(known)), partner), people=True)
            found_boxes = self._shown(found, partner >= 0, people=False)
            self._worst.offer(weight, lambda: _mistake(one, weight, known_boxes, found_boxes))

    def _shown(self, boxes: Boxes, right: npt.NDArray[np.bool_], *, people: bool) -> tuple[ShownBox, ...]:
        rows = zip(boxes.corners.tolist(), boxes.labels, boxes.scores, right, strict=True)
        return tuple(
            ShownBox(self._labels[label], Box(*corners), bool(fine), None if people else float(score))
            for corners, label, score, fine in rows
        )

    def _agreement(self, sure: Sequence[Boxes]) -> Agreement | None:
        both = [
            (first, second, model)
            for first, second, model in zip(self._known, self._second, sure, strict=True)
            if second is not None
        ]
        return of_boxes([a for a, _, _ in both], [b for _, b, _ in both], [c for _, _, c in both])


def confusion(known: Sequence[Boxes], found: Sequence[Boxes], labels: int) -> npt.NDArray[np.int64]:
    """int64 (labels + 1, labels + 1) of boxes that meet whatever their labels; the last is "nothing"."""
    counts = np.zeros((labels + 1, labels + 1), np.int64)
    for one, other in zip(known, found, strict=True):
        partner = match(one, other, any_label=True)
        met = partner >= 0
        missed = np.setdiff1d(np.arange(len(one)), partner)
        np.add.at(counts, (one.labels[partner[met]], other.labels[met]), 1)
        counts[labels] += np.bincount(other.labels[~met], minlength=labels + 1)
        counts[:, labels] += np.bincount(one.labels[missed], minlength=labels + 1)
    return counts


def at_threshold(known: Sequence[Boxes], found: Sequence[Boxes]) -> dict[str, float]:
    """Of boxes above the threshold, all labels together: right ones, and objects that were found at all."""
    right = met = named = 0
    for one, other in zip(known, found, strict=True):
        right += int((match(one, other) >= 0).sum())
        partner = match(one, other, any_label=True)
        met += int((partner >= 0).sum())
        named += int((one.labels[partner[partner >= 0]] == other.labels[partner >= 0]).sum())
    truths, answers = sum(map(len, known)), sum(map(len, found))
    return {
        "precision": _share(right, answers),
        "recall": _share(right, truths),
        "f1": _share(2 * right, truths + answers),
        "found": _share(met, truths),
        "right_label": _share(named, met),
    }


def best_threshold(known: Sequence[Boxes], found: Sequence[Boxes]) -> dict[str, float]:
    """The score at which F1 is highest, and that F1. A box's partner does not depend on less sure boxes."""
    if not sum(map(len, found)):
        return {}
    scores = np.concatenate([boxes.scores for boxes in found])
    right = np.concatenate([match(one, other) >= 0 for one, other in zip(known, found, strict=True)])
    order = np.argsort(-scores, kind="stable")
    scores, right = scores[order], right[order]
    f1 = 2 * right.cumsum() / (np.arange(1, len(scores) + 1) + sum(map(len, known)))
    f1[:-1][scores[:-1] == scores[1:]] = 0  # boxes of one score come together or not at all
    best = int(f1.argmax())
    return {"best_f1": float(f1[best]), "best_threshold": float(scores[best])}


def per_label(
    precision: AveragePrecision, known: Sequence[Boxes], found: Sequence[Boxes], labels: Sequence[str]
) -> list[dict[str, Any]]:
    """A row a label; `support` counts objects. None where a label has no objects, or no boxes."""
    right, truths, answers = (np.zeros(len(labels), np.int64) for _ in range(3))
    for one, other in zip(known, found, strict=True):
        np.add.at(right, other.labels[match(one, other) >= 0], 1)
        np.add.at(truths, one.labels, 1)
        np.add.at(answers, other.labels, 1)
    return [
        {
            "label": label,
            "support": int(truths[k]),
            "ap50": _told(precision.ap50[k]),
            "ap": _told(precision.ap[k]),
            "precision": _told(_share(int(right[k]), int(answers[k]))),
            "recall": _told(_share(int(right[k]), int(truths[k]))),
        }
        for k, label in enumerate(labels)
    ]


def _curves(
    named: AveragePrecision, anyhow: AveragePrecision, labels: Sequence[str]
) -> dict[str, npt.NDArray[np.float64]]:
    there = ~np.isnan(named.ap50)
    if not there.any():
        return {}
    each = {label: named.curves[:, k] for k, label in enumerate(labels) if there[k]}
    return {**each, "all labels": named.curves[:, there].mean(axis=1), "any label": anyhow.curves[:, 0]}


def _items(prediction: Prediction) -> tuple[Detection, ...]:
    return prediction.items if isinstance(prediction, Detections) else ()


def _share(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")


def _told(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _mistake(one: Seen, weight: float, known: tuple[ShownBox, ...], found: tuple[ShownBox, ...]) -> Mistake:
    missed = ", ".join(box.label for box in known if not box.right)
    false = ", ".join(f"{box.label} {box.score:.2f}" for box in found if not box.right)
    return Mistake(
        photo=one.sample.photo.name,
        origin=one.sample.origin,
        weight=weight,
        truth=f"missed {missed}" if missed else "nothing missed",
        answer=f"false {false}" if false else "nothing false",
        picture=small(one.photo.pixels),
        width=one.photo.width,
        height=one.photo.height,
        known_boxes=known,
        found_boxes=found,
    )
