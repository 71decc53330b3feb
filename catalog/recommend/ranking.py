"""Rankings of products from several sources, made one, and then varied. Pure functions."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import ceil

from catalog.recommend.shown import Shown

_CONSTANT = 60  # the paper's


@dataclass(frozen=True, slots=True)
class Ranking:
    """Products of one source, the best first, each with the reason why it is there; an empty one is not told."""

    weight: float
    reasons: Mapping[int, str]


def blend(rankings: Iterable[Ranking]) -> dict[int, float]:
    """Products with their scores, the best first, by weighted reciprocal ranks: scores of sources do not compare.

    Cormack, Clarke and Büttcher, "Reciprocal Rank Fusion outperforms Condorcet", SIGIR 2009.
    """
    scores: defaultdict[int, float] = defaultdict(float)
    for ranking in rankings:
        for place, product_id in enumerate(ranking.reasons, start=1):
            scores[product_id] += ranking.weight / (_CONSTANT + place)
    return {
        product_id: scores[product_id] for product_id in sorted(scores, key=lambda one: (-scores[one], one))
    }


def reasons(rankings: Iterable[Ranking], product_id: int) -> tuple[str, ...]:
    """What the sources that named a product say of it, in their order."""
    told = (ranking.reasons.get(product_id) for ranking in rankings)
    return tuple(dict.fromkeys(reason for reason in told if reason))


def varied(
    products: Iterable[int], shown: Mapping[int, Shown], size: int, without: Iterable[str] = ()
) -> list[int]:
    """The first `size`, in order: one of all variants of a product, none of the families `without`, and of a category a
    half at most, unless there is nothing else. After Ziegler et al., "Topic Diversification", WWW 2005.
    """
    order = {product_id: place for place, product_id in enumerate(products) if product_id in shown}
    families, categories = set(without), Counter[str | None]()
    chosen: list[int] = []
    spare: list[int] = []
    for product_id in order:
        product = shown[product_id]
        if product.family in families:
            continue
        families.add(product.family)
        categories[product.category] += 1
        (chosen if categories[product.category] <= ceil(size / 2) else spare).append(product_id)
    return sorted((chosen + spare)[:size], key=lambda one: order[one])
