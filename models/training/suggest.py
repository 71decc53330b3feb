"""Which photos a person should label next: those that a model is unsure of, and each another case. numpy only.

After Zhdanov, "Diverse mini-batch Active Learning", 2019, arXiv:1901.05954: of the most uncertain photos, k-means
weighted by uncertainty finds as many clusters as there are photos to choose, and the photo nearest to each is taken.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]

AMONG = 10
"""For each photo that is chosen, so many of the most uncertain are looked at."""

_ROUNDS = 10
_LEAST = 1e-6


def uncertainty(scores: Floats) -> Floats:
    """(n,), 0 to 1, of scores (n, k): 1 where the two best labels are level, 0 where one has it all."""
    if scores.shape[1] < 2:
        scores = np.pad(scores, ((0, 0), (0, 2 - scores.shape[1])))
    best = np.partition(scores, -2, axis=1)[:, -2:]
    unsure: Floats = np.clip(1 - (best[:, 1] - best[:, 0]), 0, 1)
    return unsure


def suggest(scores: Floats, vectors: Floats, count: int, *, among: int = AMONG) -> Indices:
    """Indices of `count` photos, or of all if there are fewer; the most uncertain first. Always the same.

    `scores` float32 (n, k), k labels; `vectors` float32 (n, d), where photos that look alike have like directions.
    """
    unsure = uncertainty(scores)
    order = np.argsort(-unsure, kind="stable")[: among * count]
    if len(order) <= count:
        return order
    weights, unit = np.maximum(unsure[order], _LEAST), _unit(vectors[order])
    return order[np.sort(_nearest(unit, _centres(unit, weights, count)))]


def _centres(unit: Floats, weights: Floats, count: int) -> Floats:
    """Centres (count, d) of spherical k-means over unit vectors (m, d) of these weights (m,)."""
    centres = unit[_spread(unit, weights, count)]
    for _ in range(_ROUNDS):
        cluster = (unit @ centres.T).argmax(axis=1)
        sums = np.zeros_like(centres)
        np.add.at(sums, cluster, unit * weights[:, None])
        empty = np.bincount(cluster, minlength=count) == 0
        centres = np.where(empty[:, None], centres, _unit(sums))
    return centres


def _spread(unit: Floats, weights: Floats, count: int) -> Indices:
    """Where k-means begins: the most uncertain, then ever the one that is far from all chosen, times its weight."""
    chosen = [int(weights.argmax())]
    apart = np.full(len(unit), np.inf, dtype=np.float32)
    for _ in range(count - 1):
        apart = np.minimum(apart, 1 - unit @ unit[chosen[-1]])
        gain = np.maximum(apart, 0) * weights
        gain[chosen] = -1
        chosen.append(int(gain.argmax()))
    return np.array(chosen, dtype=np.int64)


def _nearest(unit: Floats, centres: Floats) -> Indices:
    """For each centre the nearest vector that no centre before it has taken."""
    likeness = unit @ centres.T
    chosen = np.empty(len(centres), dtype=np.int64)
    for k in range(len(centres)):
        chosen[k] = likeness[:, k].argmax()
        likeness[chosen[k]] = -np.inf
    return chosen


def _unit(vectors: Floats) -> Floats:
    """Rows of length one; rows of zeros stay."""
    unit: Floats = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.float32(1e-12))
    return unit
