"""Downstream SQL over ten million classifications: what is documented and what is typical, with its plans.

`python -m benchmarks.sql [--quick]`; quick takes a hundredth of the rows. Milliseconds are medians of five runs after a
first one, planning included, of a catalog that is partly in memory. A question about one product, label or time must be
answered through indexes: a large table that is scanned, to its end or until a LIMIT is reached, is named.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from statistics import median
from typing import Any, cast

import sqlalchemy as sa

from benchmarks.rows import Row, run
from benchmarks.scratch import scratch
from catalog import migrate
from catalog.copying import copy
from catalog.tables import ClassificationRow
from tests.catalog.shelf import BRAND, COMMON, LABELS, RARE, fill
from tests.catalog.shop import add_images

MILLION = 1_000_000
RUNS = 5
POINT = 20.0  # milliseconds that a question about a few rows may take
LARGE = 10_000  # rows from which it matters that a table is scanned
BEFORE = "0005"  # the revision whose successor makes the indexes that are measured
PAGE = Path(__file__).parents[1] / "docs" / "sql.md"
COPY = 1000  # photos a transaction
COPIED = f"COPY of {COPY:,} photos at a time, four rows each, commit included"


@dataclass(frozen=True, slots=True)
class Question:
    """A query; `selective` where only a few rows of the large tables answer it."""

    name: str
    query: str
    selective: bool = True


TYPICAL = (
    Question("tags of a product", "SELECT * FROM product_tags WHERE sku = '{sku}'"),
    Question("tags of a photo", "SELECT * FROM product_tags WHERE image_id = {n}"),
    Question("100 products with a label", f"SELECT sku FROM product_tags WHERE label = '{COMMON}' LIMIT 100"),
    Question(
        "100 products with a label above 0.9",
        f"SELECT sku FROM product_tags WHERE label = '{COMMON}' AND score > 0.9 LIMIT 100",
    ),
    Question("products with a rare label", f"SELECT sku FROM product_tags WHERE label = '{RARE}'"),
    Question(
        "products of a brand with a label",
        f"SELECT sku FROM product_tags WHERE brand = '{BRAND}' AND label = '{COMMON}'",
    ),
    Question("all tags of a brand", f"SELECT sku, label FROM product_tags WHERE brand = '{BRAND}'"),
    Question("boxes of a product", "SELECT * FROM product_detections WHERE sku = '{sku}'"),
    Question(
        "100 boxes with a label", "SELECT sku FROM product_detections WHERE label = 'Label 07' LIMIT 100"
    ),
    Question("masks of a product", "SELECT * FROM product_segments WHERE sku = '{sku}'"),
    Question("embedding of a product", "SELECT * FROM product_embeddings WHERE sku = '{sku}'"),
    Question(
        "products seen in the last ten minutes",
        "SELECT DISTINCT sku FROM product_results WHERE finished_at > now() - interval '10 minutes'",
    ),
    Question("progress of a job", "SELECT * FROM job_progress WHERE job_id = 77"),
    Question(
        "failures of a job by code", "SELECT code, count(*) FROM failures WHERE job_id = 77 GROUP BY code"
    ),
    Question(
        "5 nearest of a product's photos",
        """
        SELECT other.sku FROM product_embeddings mine
        JOIN product_embeddings other ON other.model = mine.model AND other.sku <> mine.sku
        WHERE mine.sku = '{sku}' ORDER BY other.embedding <=> mine.embedding LIMIT 5
        """,
        selective=False,
    ),
    Question(
        "the best 100 of a label",
        f"SELECT sku FROM product_tags WHERE label = '{COMMON}' ORDER BY score DESC LIMIT 100",
        selective=False,
    ),
    Question("products by label", "SELECT label, count(*) FROM product_tags GROUP BY label", selective=False),
    Question("all failures by code", "SELECT code, count(*) FROM failures GROUP BY code", selective=False),
)


def measure(quick: bool) -> list[Row]:
    """All figures; a quarter of an hour, or half a minute if `quick`."""
    photos = MILLION // 40 if quick else 5 * MILLION // 2
    with scratch() as place:
        engine = sa.create_engine(place.database())
        migrate.downgrade(engine, BEFORE)
        built = timed(lambda: fill(engine, photos))
        migrated = timed(lambda: migrate.upgrade(engine))
        rows = [
            Row("classifications", 4.0 * photos, "rows", None, True, f"built in {built:.0f} s"),
            Row("migration 0006", migrated, "s", None, False, "indexes; workers and ingests wait"),
        ]
        rows += [ask(engine, question, photos) for question in (*TYPICAL, *documented())]
        rows += list(writing(engine, photos // 10))
        engine.dispose()
    return rows


def timed(act: Callable[[], None]) -> float:
    """Seconds that it takes."""
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


def documented() -> list[Question]:
    """The examples of docs/sql.md that only read."""
    examples = re.findall(r"^([^\n]+\?)\n\n```sql\n(SELECT.*?);\n```", PAGE.read_text(), re.M | re.S)
    return [Question(f"sql.md: {asked}", query, selective=False) for asked, query in examples]


def ask(engine: sa.Engine, question: Question, photos: int) -> Row:
    """Median milliseconds of a question, with the indexes and the large tables that were read."""
    took, plan = [], {}
    with engine.connect() as connection:
        for turn in range(RUNS + 1):
            n = 1 + (77 + 30_011 * turn) % (photos * 2 // 25)  # far apart; all have an embedding, too
            query = question.query.replace("{sku}", f"SKU-{n:07}").replace("{n}", str(n))
            explain = f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {query}"
            plan = connection.exec_driver_sql(explain.replace("%", "%%")).scalar_one()[0]
            took.append(plan["Execution Time"] + plan["Planning Time"])
        scanned = large_scans(connection, plan["Plan"])
    indexes = sorted({node["Index Name"] for node in nodes(plan["Plan"]) if "Index Name" in node})
    told = f"scans {', '.join(scanned)}" if scanned else f"indexes {', '.join(indexes)}"
    target = POINT if question.selective else None
    return Row(question.name, median(took[1:]), "ms", target, False, told)


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A plan's node and all below it, but for those that were never run."""
    yield plan
    for below in plan.get("Plans", ()):
        if below.get("Actual Loops"):
            yield from nodes(below)


def large_scans(connection: sa.Connection, plan: dict[str, Any]) -> list[str]:
    """Large tables that the plan reads from their start."""
    tables = {node["Relation Name"] for node in nodes(plan) if node["Node Type"] == "Seq Scan"}
    query = sa.text(
        "SELECT relname FROM pg_class WHERE relname = ANY(:names) AND reltuples > :large ORDER BY 1"
    )
    return list(connection.scalars(query, {"names": list(tables), "large": LARGE}))


def writing(engine: sa.Engine, photos: int) -> Iterator[Row]:
    """Microseconds that a row of `classifications` takes to be stored, with the index by label and without it."""
    yield Row("row stored, with the index by label", _stored(engine, photos), "µs", None, False, COPIED)
    with engine.begin() as connection:
        connection.execute(sa.text("DROP INDEX ix_classifications_label"))
    yield Row("row stored, without it", _stored(engine, photos), "µs", None, False, COPIED)


def _stored(engine: sa.Engine, photos: int) -> float:
    chance, seconds, table = Random(7), 0.0, cast(sa.Table, ClassificationRow.__table__)
    ids = add_images(engine, photos)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("CHECKPOINT"))  # or the one that runs first pays for what was before
    for start in range(0, photos, COPY):
        rows = [
            {
                "image_id": image,
                "model_version_id": 1,
                "label": label,
                "rank": rank,
                "score": chance.random() / rank,
            }
            for image in ids[start : start + COPY]
            for rank, label in enumerate(chance.sample(LABELS, 4), start=1)
        ]
        started = time.perf_counter()
        with engine.begin() as connection:
            copy(connection, table, rows)
        seconds += time.perf_counter() - started
    return 1e6 * seconds / (4 * photos)


if __name__ == "__main__":
    run(__doc__, measure)
