"""From reviewed scores to a cut-off that keeps a precision. Pure arithmetic.

The bound is Wilson's (1927, "Probable inference, the law of succession, and statistical inference"; recommended for
small samples by Brown, Cai and DasGupta, 2001). Cut-offs are tried from the strictest down, and the first that fails
after one that held ends it: a lucky stretch far below is not found by trying long enough.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

Z = 1.6448536269514722
"""Of the normal distribution, one-sided: with 95 % confidence the precision is above the bound."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Reviews that score `cut_off` or more: how many, how many are right, and Wilson's lower bound of their share."""

    cut_off: float
    reviews: int
    right: int
    bound: float

    @property
    def precision(self) -> float:
        return self.right / self.reviews


def lower_bound(right: int, reviews: int) -> float:
    """Wilson's lower bound of a share, 0 where there are no reviews."""
    if reviews == 0:
        return 0.0
    share, z2 = right / reviews, Z * Z
    spread = Z * math.sqrt((share * (1 - share) + z2 / (4 * reviews)) / reviews)
    return (share + z2 / (2 * reviews) - spread) / (1 + z2 / reviews)


def needed(precision: float) -> int:
    """Reviews without a mistake that it takes to promise `precision`, below 1."""
    return math.ceil(precision / (1 - precision) * Z * Z - 1e-9)


def stretches(reviews: Iterable[tuple[float, bool]]) -> Iterator[Stretch]:
    """From the highest score down, one for each score that was reviewed; a review is (score, right)."""
    count = right = 0
    ordered = sorted(reviews, key=lambda review: -review[0])
    for place, (score, good) in enumerate(ordered, start=1):
        count, right = count + 1, right + good
        if place == len(ordered) or ordered[place][0] < score:
            yield Stretch(score, count, right, lower_bound(right, count))


def widest(reviews: Iterable[tuple[float, bool]], precision: float) -> Stretch | None:
    """The lowest cut-off of the first stretch whose bound holds `precision`; None where none does."""
    best = None
    for stretch in stretches(reviews):
        if stretch.bound >= precision:
            best = stretch
        elif best is not None:
            break
    return best
