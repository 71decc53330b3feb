"""Figures of classifiers, from logits: the scores stored in production are their softmax."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from models.predictor import Predictor
from models.training.measure.agreement import Agreement, of_labels
from models.training.measure.calibration import (
    Reliability,
    calibrating_temperature,
    log_loss,
    reliability,
)
from models.training.measure.measured import Confusion, Measured, Mistake, finite
from models.training.measure.reading import Seen
from models.training.measure.worst import Worst, small
from models.training.samples import Problem

Temperature = float | Literal["fit"] | None
"""The one that validation gave; "fit" takes it from the photos at hand; None leaves calibration out."""

Counts = npt.NDArray[np.int64]
TOP = 5


class ClassifyTally:
    """Adds up batches; keeps the logits, float32 (photos, labels), and no photo."""

    def __init__(self, answered: Sequence[str], labels: tuple[str, ...], temperature: Temperature) -> None:
        """`answered`: the labels in the network's order; `labels`: the same in the order of the figures."""
        self._labels = labels
        self._order = [answered.index(label) for label in labels]
        self._index = {label: k for k, label in enumerate(labels)}
        self._temperature = temperature
        self._logits: list[Tensor] = []
        self._truth: list[int] = []
        self._second: list[str | None] = []
        self._worst = Worst()

    def look(self, predictor: Predictor, seen: Sequence[Seen]) -> None:
        logits = predictor.logits([one.photo for one in seen])[:, self._order]
        self._logits.append(logits)
        for one, row in zip(seen, logits, strict=True):
            truth, second = self._index[str(one.sample.label)], one.sample.second
            self._truth.append(truth)
            self._second.append(second if isinstance(second, str) else None)
            self._judge(one, row, truth)

    def measured(self, left_out: tuple[Problem, ...]) -> Measured:
        logits, truth = torch.cat(self._logits), torch.tensor(self._truth)
        fine = torch.isfinite(logits).all(dim=1)
        answer = torch.where(fine, logits.argmax(dim=1), -1)
        counts = confusion(truth[fine], answer[fine], len(self._labels))
        rows = per_label(counts, np.bincount(truth.numpy(), minlength=len(self._labels)), self._labels)
        scores = Scores.of(logits[fine], truth[fine], self._temperature)
        unanswered = {"unanswered": 1 - float(fine.double().mean())}
        return Measured(
            "classify",
            self._labels,
            len(truth),
            finite({**ranks(logits, truth, fine), **macro(rows), **scores.figures, **unanswered}),
            rows,
            self._worst.listed(),
            Confusion(self._labels, counts, "photos"),
            left_out,
            temperature=scores.temperature,
            reliability=scores.raw,
            calibrated=scores.calibrated,
            agreement=self._agreement(answer.tolist()),
        )

    def _judge(self, one: Seen, row: Tensor, truth: int) -> None:
        best = row.softmax(dim=0).max(dim=0)
        if int(best.indices) != truth and bool(torch.isfinite(row).all()):
            answer, score = self._labels[int(best.indices)], float(best.values)
            self._worst.offer(score, lambda: _mistake(one, answer, score))

    def _agreement(self, answer: Sequence[int]) -> Agreement | None:
        both = [
            (self._labels[truth], second, None if given < 0 else self._labels[given])
            for truth, second, given in zip(self._truth, self._second, answer, strict=True)
            if second is not None
        ]
        return of_labels([a for a, _, _ in both], [b for _, b, _ in both], [c for _, _, c in both])


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """How much the scores may be believed, before and after a temperature."""

    figures: dict[str, float]
    raw: Reliability
    temperature: float | None = None
    calibrated: Reliability | None = None

    @classmethod
    def of(cls, logits: Tensor, truth: Tensor, temperature: Temperature) -> Scores:
        """Of finite logits (N, labels) and the right labels (N,)."""
        raw = reliability(logits, truth)
        figures = {"nll": log_loss(logits, truth), "ece": raw.error}
        if temperature is None or len(truth) == 0:
            return cls(figures, raw)
        number = calibrating_temperature(logits, truth) if temperature == "fit" else float(temperature)
        if number is None:
            return cls(figures, raw)
        calibrated = reliability(logits, truth, number)
        after = {"nll_calibrated": log_loss(logits, truth, number), "ece_calibrated": calibrated.error}
        return cls({**figures, **after}, raw, number, calibrated)


def confusion(truth: Tensor, answer: Tensor, labels: int) -> Counts:
    """int64 (labels, labels): row is the truth, column the answer."""
    return torch.bincount(truth * labels + answer, minlength=labels**2).reshape(labels, labels).numpy()


def ranks(logits: Tensor, truth: Tensor, fine: Tensor) -> dict[str, float]:
    """Shares of photos whose right label comes first, or among five where there are more than five."""
    best = logits.topk(min(TOP, logits.shape[1]), dim=1).indices
    hits = (best == truth[:, None]) & fine[:, None]
    found = {"top1": float(hits[:, 0].double().mean())}
    if logits.shape[1] > TOP:
        found["top5"] = float(hits.any(dim=1).double().mean())
    return found


def per_label(counts: Counts, support: Counts, labels: Sequence[str]) -> list[dict[str, Any]]:
    """Precision, recall and F1 of each label; a label never given has precision 0, as is usual.

    None where a label has neither photos nor answers. `support` counts photos without an answer, too.
    """
    right, given = counts.diagonal(), counts.sum(axis=0)
    return [
        {
            "label": label,
            "support": int(support[k]),
            **_rates(int(right[k]), int(given[k]), int(support[k])),
        }
        for k, label in enumerate(labels)
    ]


def macro(rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Means over the labels that occur, as a truth or as an answer; each counts alike, however rare."""
    there = [row for row in rows if row["f1"] is not None]
    names = ("precision", "recall", "f1") if there else ()
    return {f"macro_{name}": sum(row[name] for row in there) / len(there) for name in names}


def _rates(right: int, given: int, support: int) -> dict[str, float | None]:
    if not given and not support:
        return {"precision": None, "recall": None, "f1": None}
    return {
        "precision": right / max(1, given),
        "recall": right / max(1, support),
        "f1": 2 * right / (given + support),
    }


def _mistake(one: Seen, answer: str, score: float) -> Mistake:
    return Mistake(
        photo=one.sample.photo.name,
        origin=one.sample.origin,
        weight=score,
        truth=str(one.sample.label),
        answer=f"{answer} {score:.2f}",
        picture=small(one.photo.pixels),
        width=one.photo.width,
        height=one.photo.height,
    )
