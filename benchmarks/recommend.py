"""Recommendations held to account: the last product of a shopper is left out, and looked for among twenty.

`python -m benchmarks.recommend [--quick]`; quick takes a tenth of the rows. The shop is made by chance
(`benchmarks.tastes`). Nothing that is measured knows what was left out: neither the popularity nor the pairs, and of
the shoppers who are asked about only what they did before. What others did later is known, as is usual with this
measure. Products that a shopper dealt with before are left out of all answers, and no shopper is asked about whose last
product is one of them.
"""

from __future__ import annotations

import csv
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import log2
from pathlib import Path
from random import Random
from typing import cast

import numpy as np
import sqlalchemy as sa

from benchmarks.rows import Row, run
from benchmarks.scratch import scratch
from benchmarks.tastes import WIDTH, Shop, make
from catalog import interactions
from catalog.copying import copy
from catalog.recommend import for_shopper, goes_with, refresh
from catalog.recommend.refreshing import Refreshed
from catalog.tables import EmbeddingRow
from catalog.tables.shoppers import KINDS
from tests.catalog.shop import add_version

SIZE, ASKED, LOADED = 20, 1_000, 50_000
LATENCY, BETTER = 50.0, 2.0  # milliseconds; times popularity's recall

Answer = Callable[[int], Sequence[int]]
"""From a shopper to product indices, the best first."""


@dataclass(frozen=True, slots=True)
class Left:
    """`known` acts by their index, and for each shopper that is asked about the product that was left out."""

    known: np.typing.NDArray[np.int64]
    wanted: dict[int, int]


def measure(quick: bool) -> list[Row]:
    """All figures; about two minutes, or half a minute if `quick`."""
    part = 10 if quick else 1
    shop = make(100_000 // part, 50_000 // part, 1_000_000 // part)
    left = leave_out(shop, ASKED // (4 if quick else 1))
    with scratch() as place:
        engine = sa.create_engine(place.database())
        rows = [*fill(engine, shop, left)]
        with engine.connect() as connection:
            rows += judged(shop, left, _tagmill(connection))
            rows += [_latency("goes with", lambda n: goes_with(connection, _sku(n), size=SIZE), left)]
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


def fill(engine: sa.Engine, shop: Shop, left: Left) -> Iterator[Row]:
    """A catalog with all but what was left out; rows about how long its parts took."""
    version = add_version(engine, "vectors", task="embed").id
    tags = add_version(engine, "product-type").id
    with engine.begin() as connection:
        connection.execute(sa.text("SET LOCAL session_replication_role = replica"))  # right by construction
        given = {"categories": shop.category.tolist(), "styles": shop.style.tolist(), "tags": tags}
        for statement in (_PRODUCTS, _PHOTOS, _PRODUCT_IMAGES, _TAGS):
            connection.execute(sa.text(statement), given)
        _copy_embeddings(connection, shop, version)
        for start in range(0, len(left.known) - LOADED // 10, 100_000):
            connection.execute(
                sa.text(_ACTS), _acts(shop, left.known[: -LOADED // 10][start : start + 100_000])
            )
    yield _load(engine, shop, left.known[-LOADED // 10 :])
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("SET maintenance_work_mem = '512MB'"))
        built = _seconds(lambda: connection.execute(sa.text(_INDEX.format(version=version, width=WIDTH))))
        connection.execute(sa.text("VACUUM ANALYZE"))
    yield Row("index over embeddings", built, "s", None, False, f"HNSW, {len(shop.category):,} of {WIDTH}")
    started = time.perf_counter()
    done = cast(Refreshed, refresh(engine))
    took = time.perf_counter() - started
    yield Row("refresh", took, "s", 60, False, f"{len(left.known):,} acts, {done.pairs:,} pairs kept")


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


def _load(engine: sa.Engine, shop: Shop, acts: np.typing.NDArray[np.int64]) -> Row:
    """The last acts, as `tagmill shoppers load` takes them."""
    now = datetime.now(UTC)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "acts.csv"
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("shopper", "sku", "kind", "happened_at"))
            for act in acts.tolist():
                at = now - timedelta(days=float(shop.day[act]))
                row = (f"s{shop.shopper[act]}", _sku(int(shop.product[act])), KINDS[shop.kind[act]])
                writer.writerow((*row, at.isoformat()))
        took = _seconds(lambda: interactions.load(engine, path, lambda error: print(error)))
    return Row("loading", len(acts) / took, "acts/s", None, True, f"{len(acts):,} rows of CSV")


def _copy_embeddings(connection: sa.Connection, shop: Shop, version: int) -> None:
    table = cast(sa.Table, EmbeddingRow.__table__)
    for start in range(0, len(shop.embedding), 10_000):
        rows = [
            {"image_id": start + place, "model_version_id": version, "embedding": vector}
            for place, vector in enumerate(shop.embedding[start : start + 10_000], start=1)
        ]
        copy(connection, table, rows)


def _acts(shop: Shop, acts: np.typing.NDArray[np.int64]) -> dict[str, object]:
    return {
        "shoppers": shop.shopper[acts].tolist(),
        "products": shop.product[acts].tolist(),
        "kinds": [KINDS[kind] for kind in shop.kind[acts]],
        "days": shop.day[acts].tolist(),
    }


def _sku(product: int) -> str:
    return f"SKU-{product + 1:07}"


def _seconds(act: Callable[[], object]) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


_PRODUCTS = """
    INSERT INTO products (sku, title, category)
    SELECT 'SKU-' || lpad(n::text, 7, '0'), 'Product ' || n, 'Category ' || category
    FROM unnest(CAST(:categories AS bigint[])) WITH ORDINALITY AS made (category, n)
"""
_PHOTOS = """
    INSERT INTO images (sha256, object_key, format, bytes, width, height)
    SELECT encode(sha256(id::text::bytea), 'hex'), 'images/' || id || '.jpg', 'JPEG', 60000, 1200, 1200
    FROM products ORDER BY id
"""
_PRODUCT_IMAGES = "INSERT INTO product_images SELECT id, id, 0, id || '.jpg' FROM products"
_TAGS = """
    INSERT INTO classifications
    SELECT made.n, :tags, tag.label, tag.rank, 0.9
    FROM unnest(CAST(:categories AS bigint[]), CAST(:styles AS bigint[])) WITH ORDINALITY AS made (category, style, n)
    CROSS JOIN LATERAL (VALUES ('Category ' || category, 1), ('Style ' || style, 2)) AS tag (label, rank)
"""
_ACTS = """
    INSERT INTO interactions (shopper, happened_at, product_id, kind)
    SELECT 's' || shopper, now() - day * interval '1 day', product + 1, kind
    FROM unnest(CAST(:shoppers AS bigint[]), CAST(:products AS bigint[]), CAST(:kinds AS text[]),
                CAST(:days AS float8[])) AS act (shopper, product, kind, day)
    ON CONFLICT DO NOTHING
"""
_INDEX = """
    CREATE INDEX benchmark_vectors ON embeddings
    USING hnsw ((embedding::halfvec({width})) halfvec_cosine_ops) WHERE model_version_id = {version}
"""


if __name__ == "__main__":
    run(__doc__, measure)
