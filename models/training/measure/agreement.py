"""How far two people agree, and the model with each: a model cannot be told right beyond that. Pure functions."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from models.training.measure.boxes import Boxes, match


@dataclass(frozen=True, slots=True)
class Agreement:
    """Over the `count` photos that two people labelled: between them, and of the model with the first and the second.

    `measure` is "kappa" (Cohen's, of labels) or "f1" (of boxes of one label at an IoU of 0.5). None: cannot be told.
    """

    measure: Literal["kappa", "f1"]
    count: int
    people: float | None
    model_first: float | None
    model_second: float | None


def cohen_kappa(one: Sequence[Hashable], other: Sequence[Hashable]) -> float | None:
    """Agreement beyond chance, 1 at most; None without photos, or where both only ever say the same one label."""
    labels = {label: k for k, label in enumerate(dict.fromkeys((*one, *other)))}
    counts = np.zeros((len(labels), len(labels)))
    np.add.at(counts, ([labels[a] for a in one], [labels[b] for b in other]), 1)
    if len(labels) < 2:
        return None
    shares = counts / counts.sum()
    by_chance = float(shares.sum(axis=1) @ shares.sum(axis=0))
    return (float(np.trace(shares)) - by_chance) / (1 - by_chance)


def matched_f1(pairs: Iterable[tuple[Boxes, Boxes]]) -> float | None:
    """Twice the boxes that meet, over all boxes of both; None where there are no boxes. Symmetric but for ties."""
    met = total = 0
    for one, other in pairs:
        met += int((match(one, other) >= 0).sum())
        total += len(one) + len(other)
    return 2 * met / total if total else None


def of_labels(first: Sequence[str], second: Sequence[str], model: Sequence[str | None]) -> Agreement | None:
    """Agreement of labels; a photo that the model did not answer has None, which agrees with nobody."""
    if not first:
        return None
    between = cohen_kappa(first, second)
    return Agreement("kappa", len(first), between, cohen_kappa(first, model), cohen_kappa(second, model))


def of_boxes(first: Sequence[Boxes], second: Sequence[Boxes], model: Sequence[Boxes]) -> Agreement | None:
    """Agreement of boxes, photo by photo; the model's are those above its threshold."""
    if not first:
        return None
    pairs = ((first, second), (first, model), (second, model))
    return Agreement("f1", len(first), *(matched_f1(zip(a, b, strict=True)) for a, b in pairs))
