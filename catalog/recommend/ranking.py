"""Rankings of products from several sources, made one, and then varied. Pure functions."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil

from catalog.recommend.shown import Shown

_EARLY = 10


@dataclass(frozen=True, slots=True)
class Ranking:
    """Products of one source, the best first, each with the reason why it is there."""

    weight: float
    reasons: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class Ranked:
    """A product with its score, and the reason of each source that named it, the weightiest first."""

    product_id: int
    score: float
    reasons: tuple[str, ...]


def blend(rankings: Iterable[Ranking]) -> list[Ranked]:
    """One list, the best first, by weighted reciprocal ranks: scores of different sources cannot be compared.

    Cormack, Clarke and Büttcher, "Reciprocal Rank Fusion", SIGIR 2009; a smaller constant trusts first places more.
    """
    parts: defaultdict[int, list[tuple[float, str]]] = defaultdict(list)
    for ranking in rankings:
        for place, (product_id, reason) in enumerate(ranking.reasons.items(), start=1):
            parts[product_id].append((ranking.weight / (_EARLY + place), reason))
    found = [
        Ranked(
            product_id,
            sum(score for score, _ in told),
            tuple(dict.fromkeys(reason for _, reason in sorted(told, key=lambda one: -one[0]) if reason)),
        )
        for product_id, told in parts.items()
    ]
    return sorted(found, key=lambda one: (-one.score, one.product_id))


def varied(
    ranked: Sequence[Ranked], shown: Mapping[int, Shown], size: int, without: Iterable[str] = ()
) -> list[Ranked]:
    """The first `size`: one of all variants of a product, none of the families `without`, and of a category a half at
    most, unless there is nothing else. After Ziegler et al., "Topic Diversification", WWW 2005.
    """
    families, categories = set(without), Counter[str | None]()
    chosen: list[Ranked] = []
    spare: list[Ranked] = []
    for one in ranked:
        product = shown.get(one.product_id)
        if product is None or product.family in families:
            continue
        families.add(product.family)
        if categories[product.category] < ceil(size / 2):
            categories[product.category] += 1
            chosen.append(one)
        else:
            spare.append(one)
    return sorted((chosen + spare)[:size], key=lambda one: (-one.score, one.product_id))
