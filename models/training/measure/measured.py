"""What measuring finds: plain values and small arrays, ready for a report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
import numpy.typing as npt

from models.predictions import Box
from models.training.measure.agreement import Agreement
from models.training.measure.calibration import Reliability
from models.training.samples import Mask, Problem, TrainableTask

Curve = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ShownBox:
    """A box in photo pixels; `score` is None where a person drew it. `right`: it has its partner."""

    label: str
    box: Box
    right: bool
    score: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Mistake:
    """A photo that was answered wrongly, small enough to be kept.

    `weight` orders mistakes, the worst highest. `picture` is uint8 RGB (h, w, 3) of a photo that has `width` x
    `height` pixels; the masks, where there are any, are uint8 (h, w) like the picture and numbered like the labels.
    """

    photo: str
    origin: str
    weight: float
    truth: str
    answer: str
    picture: npt.NDArray[np.uint8]
    width: int
    height: int
    known_boxes: tuple[ShownBox, ...] = ()
    found_boxes: tuple[ShownBox, ...] = ()
    known_mask: Mask | None = None
    found_mask: Mask | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Confusion:
    """`counts` int64 (n, n) of `unit`: row is the truth, column the answer, both named by `labels`.

    Detectors have "nothing" as last label: its column is what was missed, its row what was found where nothing is.
    Segmenters have "background" as first.
    """

    labels: tuple[str, ...]
    counts: npt.NDArray[np.int64]
    unit: str


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """What a model is worth on `count` photos.

    `figures` holds finite numbers only, named as in `measure.figures`; what these photos cannot tell is missing.
    `per_label` has a row a label, with None for what cannot be told. `curves`: of detectors, precision (101,) at
    recalls 0, 0.01 … 1 and an overlap of 0.5, by label, and of two more: "all labels", "any label".
    `left_out` are photos that could not be read; they are not in `count`.
    """

    task: TrainableTask
    labels: tuple[str, ...]
    count: int
    figures: dict[str, float]
    per_label: list[dict[str, Any]]
    mistakes: list[Mistake]
    confusion: Confusion
    left_out: tuple[Problem, ...] = ()
    temperature: float | None = None
    reliability: Reliability | None = None
    calibrated: Reliability | None = None
    curves: Mapping[str, Curve] | None = None
    agreement: Agreement | None = None


def finite(figures: Mapping[str, float]) -> dict[str, float]:
    """Without those that cannot be told, such as a mean over nothing."""
    return {name: float(value) for name, value in figures.items() if isfinite(value)}
