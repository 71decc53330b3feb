"""From reviewed scores to a cut-off that keeps a precision. Pure arithmetic.

People review some scores more than others, those near the cut-off first of all. So each review stands for the photos of
its band of scores (post-stratification), and counts as many as Kish's effective sample size says (1965, "Survey
Sampling"). The bound is Wilson's (1927, "Probable inference, the law of succession, and statistical inference"; Brown,
Cai and DasGupta, 2001, recommend it for small samples). Cut-offs are tried from the strictest down, and the first that
fails after one that held ends it: a lucky stretch far below is not found by trying long enough.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

Z = 1.6448536269514722
"""Of the normal distribution, one-sided: with 95 % confidence the precision is above the bound."""

BANDS = 20

Review = tuple[float, bool]
"""A score, and whether the label is right there."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """What scores `cut_off` or more: how many reviews, the share that is right, Wilson's lower bound of that share, and
    how many photos are right.
    """

    cut_off: float
    reviews: int
    precision: float
    bound: float
    right: float


def band(score: float) -> int:
    """Which of the `BANDS` of equal width a score from 0 to 1 lies in."""
    return min(int(score * BANDS), BANDS - 1)


def lower_bound(share: float, reviews: float) -> float:
    """Wilson's lower bound of a share, 0 where there are no reviews."""
    if reviews == 0:
        return 0.0
    z2 = Z * Z
    spread = Z * math.sqrt((share * (1 - share) + z2 / (4 * reviews)) / reviews)
    return (share + z2 / (2 * reviews) - spread) / (1 + z2 / reviews)


def needed(precision: float) -> int:
    """Reviews without a mistake that it takes to promise `precision`, below 1."""
    return math.ceil(precision / (1 - precision) * Z * Z - 1e-9)


def stretches(reviews: Iterable[Review], photos: Mapping[int, int]) -> Iterator[Stretch]:
    """From the highest score down, one for each score that was reviewed; `photos` counts the catalog's by band.

    It ends above the first band that has photos and no review.
    """
    ordered = sorted(reviews, key=lambda review: -review[0])
    reviewed = Counter(band(score) for score, _ in ordered)
    blind = max((one for one, count in photos.items() if count and not reviewed[one]), default=-1)
    total = squares = right = 0.0
    for place, (score, good) in enumerate(ordered, start=1):
        if band(score) < blind:
            return
        weight = max(photos.get(band(score), 0), 1) / reviewed[band(score)]
        total, squares, right = total + weight, squares + weight * weight, right + weight * good
        if place == len(ordered) or ordered[place][0] < score:
            share = min(right / total, 1.0)
            yield Stretch(score, place, share, lower_bound(share, total * total / squares), right)


def widest(reviews: Iterable[Review], precision: float, photos: Mapping[int, int]) -> Stretch | None:
    """The lowest cut-off of the first stretch whose bound holds `precision`; None where none does."""
    best = None
    for stretch in stretches(reviews, photos):
        if stretch.bound >= precision - 1e-12:
            best = stretch
        elif best is not None:
            break
    return best
