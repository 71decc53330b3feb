"""Whether scores mean what they say, and the one number that mends them: Guo et al., 2017, arXiv:1706.04599."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

BINS = 15
LEAST, MOST = 0.05, 20.0
"""Bounds of a temperature: a model that is always right, or always wrong, has none."""
FEWEST = 50
"""Photos that a temperature is fitted to; with fewer, one wrong answer more or less would move all scores."""


@dataclass(frozen=True, slots=True, eq=False)
class Reliability:
    """Photos by the score of their best label, in bins of equal width from 0 to 1; all arrays are (bins,).

    `count` int64; `score` and `right` are float64 means over the bin's photos, 0 where it is empty.
    """

    count: npt.NDArray[np.int64]
    score: npt.NDArray[np.float64]
    right: npt.NDArray[np.float64]

    @property
    def error(self) -> float:
        """Expected calibration error, 0 to 1: the gap between score and truth, mean over photos."""
        gaps = self.count * np.abs(self.score - self.right)
        return float(gaps.sum() / max(1, self.count.sum()))


def reliability(logits: Tensor, truth: Tensor, temperature: float = 1.0) -> Reliability:
    """Of finite logits (N, labels) and the right labels' indices (N,)."""
    best = (logits.float() / temperature).softmax(dim=1).max(dim=1)
    score = best.values.double().numpy()
    right = (best.indices == truth).double().numpy()
    # A bin has its upper edge, not its lower one.
    place = np.clip(np.ceil(score * BINS).astype(np.int64) - 1, 0, BINS - 1)
    count = np.bincount(place, minlength=BINS)
    filled = np.maximum(count, 1)
    return Reliability(
        count,
        np.bincount(place, weights=score, minlength=BINS) / filled,
        np.bincount(place, weights=right, minlength=BINS) / filled,
    )


def log_loss(logits: Tensor, truth: Tensor, temperature: float = 1.0) -> float:
    """Mean negative log-likelihood of the right labels, in nats."""
    return float(torch.nn.functional.cross_entropy(logits.float() / temperature, truth))


def calibrating_temperature(logits: Tensor, truth: Tensor) -> float | None:
    """`fit_temperature`, or None where that says nothing of other photos: there are few, or it ends at a bound.

    It does so where all answers are right, as on easy photos: every score would become 1.
    """
    if len(truth) < FEWEST:
        return None
    found = fit_temperature(logits, truth)
    return found if 1.01 * LEAST < found < 0.99 * MOST else None


def fit_temperature(logits: Tensor, truth: Tensor) -> float:
    """The temperature between 0.05 and 20 that gives the least log loss; logits (N, labels) finite, truth (N,).

    The loss is convex in 1 / temperature, so its slope changes sign once: bisection finds where.
    """
    wanted = logits.gather(1, truth[:, None]).squeeze(1).double().mean()
    low, high = log(1 / MOST), log(1 / LEAST)
    for _ in range(40):
        middle = (low + high) / 2
        if _mean_logit(logits, exp(middle)) > wanted:  # too sure
            high = middle
        else:
            low = middle
    return exp(-(low + high) / 2)


def _mean_logit(logits: Tensor, sharpness: float) -> Tensor:
    """The logit expected under the model's own probabilities, mean over photos."""
    chances = (logits.float() * sharpness).softmax(dim=1)
    return (chances * logits).sum(dim=1).double().mean()
