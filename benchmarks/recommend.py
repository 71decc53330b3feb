"""Recommendations held to account: the last product of a shopper is left out, and looked for among twenty.

`python -m benchmarks.recommend [--quick] [--seed N]`; quick takes a tenth of the rows. The shop is made by chance from
the seed (`benchmarks.tastes`). Nothing that is measured knows what was left out: neither the popularity nor the pairs,
and of the shoppers who are asked about only what they did before. What others did later is known, as is usual with this
measure. Products that a shopper dealt with before are left out of all answers, and no shopper is asked about whose last
product is one of them.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import log2
from random import Random

import numpy as np
import sqlalchemy as sa

from benchmarks.filled import fill, sku
from benchmarks.rows import Row, print_rows
from benchmarks.scratch import scratch
from benchmarks.tastes import Ints, Shop, make
from catalog.arrays import as_literals
from catalog.recommend import for_shopper, goes_with

SIZE, ASKED = 20, 1_000
LATENCY, BETTER = 50.0, 2.0  # milliseconds; times popularity's recall
SEED = 7  # of the shop on which the weights of `catalog.recommend` were chosen

Answer = Callable[[int], Sequence[int]]
"""From a shopper to product indices, the best first."""


@dataclass(frozen=True, slots=True)
class Left:
    """`known` acts by their index, and for each shopper that is asked about the product that was left out."""

    known: Ints
    wanted: dict[int, int]


def measure(quick: bool, seed: int = SEED) -> list[Row]:
    """All figures; about two minutes, or half a minute if `quick`."""
    part = 10 if quick else 1
    shop = make(100_000 // part, 50_000 // part, 1_000_000 // part, seed)
    left = leave_out(shop, ASKED // (4 if quick else 1))
    with scratch() as place:
        engine = as_literals(sa.create_engine(place.database()))
        rows = [*fill(engine, shop, left.known)]
        with engine.connect() as connection:
            rows += judged(shop, left, _tagmill(connection))
            rows += [_latency("goes with", lambda n: goes_with(connection, sku(n), size=SIZE), left)]
        engine.dispose()
    return rows


def leave_out(shop: Shop, count: int) -> Left:
    """Of `count` shoppers with five acts or more, the last, whose product is new to them."""
    ends = np.append(np.flatnonzero(np.diff(shop.shopper)), len(shop.shopper) - 1)
    starts = np.append(0, ends[:-1] + 1)
    usable = [
        int(end)
        for start, end in zip(starts, ends, strict=True)
        if end - start >= 4 and shop.product[end] not in shop.product[start:end]
    ]
    chosen = Random(7).sample(usable, count)
    known = np.delete(np.arange(len(shop.shopper)), chosen)
    return Left(known, {int(shop.shopper[end]): int(shop.product[end]) for end in chosen})


def judged(shop: Shop, left: Left, tagmill: Answer) -> list[Row]:
    """Tagmill beside what needs no thought, over the same shoppers, and how long it thinks."""
    took: list[float] = []
    answers = {
        "Tagmill": _timed(tagmill, took),
        "popular in favourite category": _popular_there(shop, left),
        "popularity": _popularity(shop, left),
        "random": _random(shop),
    }
    found = {name: _score(shop, left, answer) for name, answer in answers.items()}
    target = BETTER * found["popularity"][0]
    rows = [
        Row(
            f"{what}, {name}", value, unit, target if (name, what) == ("Tagmill", "recall@20") else None, True
        )
        for name, values in found.items()
        for what, unit, value in zip(
            ("recall@20", "NDCG@20", "coverage"), ("%", "%", "% of products"), values, strict=True
        )
    ]
    return [*rows, *_percentiles("for a shopper", took)]


def _score(shop: Shop, left: Left, answer: Answer) -> tuple[float, float, float]:
    """Recall, NDCG (one product is right, so the ideal is 1), share of products shown to anybody; in per cent."""
    hits, gain, shown = 0, 0.0, Counter[int]()
    for shopper, wanted in left.wanted.items():
        found = list(answer(shopper))[:SIZE]
        shown.update(found)
        if wanted in found:
            hits += 1
            gain += 1 / log2(2 + found.index(wanted))
    asked = len(left.wanted)
    return 100 * hits / asked, 100 * gain / asked, 100 * len(shown) / len(shop.category)


def _tagmill(connection: sa.Connection) -> Answer:
    return lambda shopper: [hit.product_id - 1 for hit in for_shopper(connection, f"s{shopper}", size=SIZE)]


def _popularity(shop: Shop, left: Left) -> Answer:
    best = [product for product, _ in Counter(shop.product[left.known].tolist()).most_common(500)]
    seen = _seen(shop, left)
    return lambda shopper: [one for one in best if one not in seen[shopper]][:SIZE]


def _popular_there(shop: Shop, left: Left) -> Answer:
    """Of the category in which the shopper did most: harder to beat."""
    counts = Counter(shop.product[left.known].tolist())
    seen = _seen(shop, left)
    best: dict[int, list[int]] = {}
    for product, _ in counts.most_common():
        best.setdefault(int(shop.category[product]), []).append(product)

    def answer(shopper: int) -> Sequence[int]:
        favourite = Counter(shop.category[list(seen[shopper])].tolist()).most_common(1)[0][0]
        return [one for one in best[favourite][:500] if one not in seen[shopper]][:SIZE]

    return answer


def _random(shop: Shop) -> Answer:
    chance = Random(7)
    return lambda _: chance.sample(range(len(shop.category)), SIZE)


def _seen(shop: Shop, left: Left) -> dict[int, set[int]]:
    found: dict[int, set[int]] = {shopper: set() for shopper in left.wanted}
    for shopper, product in zip(
        shop.shopper[left.known].tolist(), shop.product[left.known].tolist(), strict=True
    ):
        if shopper in found:
            found[shopper].add(product)
    return found


def _timed(answer: Answer, took: list[float]) -> Answer:
    def timed(shopper: int) -> Sequence[int]:
        started = time.perf_counter()
        found = answer(shopper)
        took.append(1000 * (time.perf_counter() - started))
        return found

    return timed


def _latency(name: str, act: Callable[[int], object], left: Left) -> Row:
    took: list[float] = []
    for product in list(left.wanted.values())[:300]:
        started = time.perf_counter()
        act(product)
        took.append(1000 * (time.perf_counter() - started))
    return _percentiles(name, took)[1]


def _percentiles(name: str, took: Sequence[float]) -> list[Row]:
    middle, late = np.percentile(took, (50, 95))
    note = f"{len(took):,} asked, one after another"
    return [
        Row(f"{name}, p50", float(middle), "ms", None, False, note),
        Row(f"{name}, p95", float(late), "ms", LATENCY, False, note),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows")
    parser.add_argument("--seed", type=int, default=SEED, help="of the shop")
    given = parser.parse_args()
    print_rows(measure(given.quick, given.seed))


if __name__ == "__main__":
    main()
