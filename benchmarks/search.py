"""Search among a hundred thousand products: milliseconds by words, by meaning, by a photo's vector, facets, and
the first page of the grid.

`python -m benchmarks.search [--quick]`; quick has a tenth of the products. Each figure is the 95th percentile of
searches that differ, with the median in the note: what a caller of `catalog.search` waits for, connection, embedding of
the words and answer included. Recall is of the ten nearest photos by the index, as `near` uses it, against all compared
in float32; vectors lie in 500 clusters far apart, which is harder for such an index than photos are.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from statistics import mean, median

import numpy as np
import sqlalchemy as sa

from benchmarks.first_page import first_pages
from benchmarks.rows import Row, run
from benchmarks.scratch import scratch
from catalog import search
from catalog.arrays import as_literals
from catalog.search import Chosen, Meaning, indexing, vector_indexes
from catalog.search.meaning import literal
from models.text import TextEmbedder, bundled
from tests.catalog import stall

PRODUCTS = 100_000
WIDTH = 1280
ROUNDS = 60
P95, FACETS, RECALL = 20.0, 50.0, 0.98
ANY = Chosen()


class Cheap:
    """Vectors for a hundred thousand texts without minutes of a network: of each word, by its hash, added up.

    What is asked is embedded by the real network as well, so that its milliseconds count; the answer is this one's,
    which has the same width.
    """

    def __init__(self, real: TextEmbedder | None) -> None:
        self._real = real
        self._words: dict[str, np.ndarray] = {}

    name = "c0ffee"

    def embed(self, texts: list[str]) -> np.ndarray:
        if len(texts) == 1 and self._real is not None:
            self._real.embed(texts)
        found = np.stack(
            [sum(map(self._word, text.lower().replace(".", "").split()), self._word("")) for text in texts]
        )
        return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True), np.float32)

    def _word(self, word: str) -> np.ndarray:
        if word not in self._words:
            seed = int.from_bytes(word.encode()[:8].ljust(8), "big")
            self._words[word] = np.random.default_rng(seed).standard_normal(384).astype(np.float32)
        return self._words[word]


@dataclass(frozen=True, slots=True)
class Shop:
    """What is searched in."""

    engine: sa.Engine
    version: int
    meaning: Meaning
    count: int


def measure(quick: bool) -> list[Row]:
    """All figures; about five minutes, most of which Postgres builds indexes of vectors on one core."""
    import torch

    torch.set_num_threads(1)
    count = PRODUCTS // 10 if quick else PRODUCTS
    with scratch() as place:
        database = place.database()
        engine = as_literals(sa.create_engine(database))
        shop, rows = built(engine, count)
        rows += searched(shop)
        rows += first_pages(place, database)
        engine.dispose()
    return rows


def built(engine: sa.Engine, count: int) -> tuple[Shop, list[Row]]:
    """The shop, and how long reading and indexing took."""
    stall.fill(engine, count)
    folder = bundled()
    meaning = Cheap(TextEmbedder(folder) if folder else None)
    version = stall.add_vectors(engine, count, WIDTH)
    with engine.begin() as connection:
        indexing.begin(connection, meaning)
    started = time.perf_counter()
    while indexing.read_batch(engine, meaning, 2000):
        pass
    read = time.perf_counter() - started
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("VACUUM ANALYZE"))
    started = time.perf_counter()
    vector_indexes.keep(engine)
    indexed = time.perf_counter() - started
    return Shop(engine, version, meaning, count), [
        Row("products", count, "rows", None, True, f"photos' vectors of width {WIDTH}"),
        Row("texts read, without the network", count / read, "texts/s", None, True),
        Row("vector indexes built", indexed, "s", None, False, f"{2 * count:,} vectors, one core"),
    ]


def searched(shop: Shop) -> list[Row]:
    """A row a way to search."""
    typed = [f"{stall.COLOURS[n % 10]} {stall.NAMES[n // 10 % 10]}" for n in range(ROUNDS)]
    typed += [
        f"{stall.KINDS[n % 10]} {stall.STUFFS[n // 10 % 10]} {stall.NAMES[n // 7 % 10]}"
        for n in range(ROUNDS)
    ]
    wrong = [text.replace("e", "", 1) + "x" if n % 2 else text[1:] for n, text in enumerate(typed)]
    one = [stall.NAMES[n % 10] for n in range(ROUNDS)]
    means = [f"something {text} to wear" for text in typed]
    asked = stall.vectors(10**6, ROUNDS, WIDTH)
    brand = [Chosen(brands=(f"Brand {1 + n}",)) for n in range(ROUNDS)]
    tag = [Chosen(tags=(stall.LABELS[n % 10],)) for n in range(ROUNDS)]
    price = [Chosen(price_from=Decimal(20 + n), price_to=Decimal(40 + n)) for n in range(ROUNDS)]

    def find(texts: list[str], chosen: list[Chosen] | None = None, meaning: Meaning | None = None) -> Ways:
        picked = chosen or [ANY] * len(texts)
        return [
            lambda c, text=text, some=some: search.find(c, text, some, meaning=meaning)
            for text, some in zip(texts, picked, strict=False)
        ]

    def near(chosen: list[Chosen] | None = None) -> Ways:
        picked = chosen or [ANY] * ROUNDS
        return [
            lambda c, vector=vector, some=some: search.near(c, shop.version, vector, some)
            for vector, some in zip(asked, picked, strict=True)
        ]

    return [
        timed(shop, "words", find(typed), P95),
        timed(shop, "one common word", find(one), P95),
        timed(shop, "misspelt words", find(wrong), P95),
        timed(shop, "words of a brand", find(typed, brand), P95),
        timed(shop, "words with a tag", find(typed, tag), P95),
        timed(shop, "words, tags and meaning", find(typed, meaning=shop.meaning), P95),
        timed(shop, "the same, within a price", find(means, price, meaning=shop.meaning), None),
        timed(shop, "photo's vector", near(), P95),
        timed(shop, "photo's vector, of a brand", near(brand), None),
        timed(shop, "photo's vector, with a tag", near(tag), None),
        timed(shop, "photo's vector, within a price", near(price), None),
        timed(shop, "like a product", [_like(n) for n in range(ROUNDS)], P95),
        timed(shop, "newest", find([""] * ROUNDS, tag), P95),
        timed(shop, "facets of words", [_facets(text) for text in typed], FACETS),
        timed(shop, "facets of everything", [_facets("")] * ROUNDS, FACETS),
        Row("recall of the 10 nearest photos", recall(shop, asked), "", RECALL, True, "by the index"),
    ]


Ways = list[Callable[[sa.Connection], object]]


def _like(n: int) -> Callable[[sa.Connection], object]:
    return lambda c: search.similar(c, f"SKU-{1 + n * 131:07}", ANY)


def _facets(text: str) -> Callable[[sa.Connection], object]:
    return lambda c: search.facets(c, text, ANY)


def timed(shop: Shop, name: str, ways: Ways, target: float | None) -> Row:
    """95th percentile of milliseconds, after a first round that warms up."""
    took = []
    for _ in range(2):
        took = []
        for way in ways:
            started = time.perf_counter()
            with shop.engine.connect() as connection:
                way(connection)
            took.append(1e3 * (time.perf_counter() - started))
    return Row(name, float(np.percentile(took, 95)), "ms", target, False, f"p95; median {median(took):.1f}")


def recall(shop: Shop, asked: np.ndarray) -> float:
    """The share of the ten nearest that `near` shows among its first ten."""
    exact = sa.text(
        """
        SELECT image_id FROM embeddings WHERE model_version_id = :version
        ORDER BY (embedding <=> CAST(:vector AS vector)) + 0 LIMIT 10
        """
    )
    shares = []
    with shop.engine.connect() as connection:
        for vector in asked:
            true = set(connection.scalars(exact, {"version": shop.version, "vector": literal(vector)}))
            page = search.near(connection, shop.version, vector, ANY, size=10)
            shares.append(len(true & {hit.image_id for hit in page.hits}) / 10)
    return mean(shares)


if __name__ == "__main__":
    run(__doc__, measure)
