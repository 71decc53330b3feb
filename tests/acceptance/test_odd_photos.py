"""Odd and broken files among good photos: no worker dies, every good photo is done, each odd one ends with its code."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.acceptance.conftest import EACH, TAGMILL, System
from tests.acceptance.oddities import DONE, Odd, oddities
from tests.acceptance.photos import write_catalog, write_manifest
from tests.acceptance.watched import Watched

MOST_MEMORY = 1_500_000_000
MINUTES = 12


@dataclass(frozen=True, slots=True)
class Catalog:
    """A folder with a manifest; `odd` by name are among as many good photos."""

    manifest: Path
    good: int
    odd: dict[str, Odd]


def make(folder: Path, odd: Sequence[Odd], good: int, start: int = 0) -> Catalog:
    write_catalog(folder, good, start=start)
    rows = [(f"SKU-{n}", f"Item {n}", f"{n}.png") for n in range(start, start + good)]
    for one in odd:
        (folder / one.name).write_bytes(one.data)
    every = max(1, len(odd) // good)  # good ones stand among the others
    for n, one in enumerate(odd):
        rows.insert(min(len(rows), n + n // every), (f"ODD-{folder.name}-{n}", "odd", one.name))
    return Catalog(write_manifest(folder / "products.csv", rows), good, {one.name: one for one in odd})


@pytest.fixture
def worker(system: System) -> Iterator[Watched]:
    """A worker host with two processes, ready."""
    host = system.start_worker("--concurrency", "2")
    with Watched(host.pid) as watched:
        yield watched


def ingest(system: System, catalog: Catalog) -> Watched:
    """By the command line; what it took."""
    argv = [*TAGMILL, "ingest", str(catalog.manifest), "--json"]
    with subprocess.Popen(
        argv, env=system.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        with Watched(process.pid) as watched:
            printed, errors = process.communicate(timeout=60 * MINUTES)
        assert process.returncode == 3, errors.decode()[-3000:]
    assert json.loads(printed)["errors"]
    return watched


def work_off(system: System, catalog: Catalog) -> tuple[Watched, float]:
    """Take the catalog in, and wait until nothing is open; what the ingest took, and seconds for both."""
    started = time.monotonic()
    taken = ingest(system, catalog)
    still = "SELECT count(*) FROM work_items WHERE state NOT IN ('done', 'quarantined')"
    system.wait_for(lambda: system.value(still) == 0, seconds=60 * MINUTES)
    return taken, time.monotonic() - started


def judge(system: System, *catalogs: Catalog) -> None:
    """Every file ended as it may."""
    failed = {row.source: row.code for row in system.rows("SELECT source, code FROM failures")}
    query = """
        SELECT pi.source FROM product_images pi JOIN work_items w USING (image_id)
        WHERE w.state = 'done' GROUP BY pi.source, pi.image_id HAVING count(*) = :each
    """
    done = {row.source for row in system.rows(query, each=EACH)}
    odd = {name: one for catalog in catalogs for name, one in catalog.odd.items()}
    became = {name: DONE if name in done else failed.get(name, "neither done nor failed") for name in odd}
    wrong = {name: became[name] for name, one in odd.items() if became[name] not in one.may}
    assert not wrong
    good = {source for source in done if source not in odd}
    assert len(good) == sum(catalog.good for catalog in catalogs)
    reasons = [row.reason for row in system.rows("SELECT reason FROM failures")]
    assert all(len(reason) > 15 and "Traceback" not in reason for reason in reasons)


def check_processes(worker: Watched, *ingests: Watched) -> None:
    """The two that the host began with are still those that work, and none took too much."""
    assert len(worker.children()) == 2, worker.parents
    assert max(worker.highest, *(one.highest for one in ingests)) < MOST_MEMORY


def test_odd_files_among_good_photos(system: System, worker: Watched, tmp_path: Path) -> None:
    catalog = make(tmp_path / "odd", list(oddities(seed=1, count=150, large=False)), good=30)
    taken, _ = work_off(system, catalog)
    judge(system, catalog)
    check_processes(worker, taken)


@pytest.mark.chaos
@pytest.mark.timeout(60 * 2 * MINUTES)
def test_a_thousand_odd_files_in_time_linear_in_files(
    system: System, worker: Watched, tmp_path: Path
) -> None:
    """A third of the files, then twice as many of the same kinds, none of which was seen before."""
    odd = list(oddities(seed=8, count=1_130, large=True))
    by_hand, by_chance = odd[:-1_000], odd[-1_000:]
    warm = make(tmp_path / "warm", by_chance[:10], good=10)
    first = make(tmp_path / "first", by_chance[10:340], good=63, start=10)
    second = make(tmp_path / "second", by_chance[340:], good=127, start=73)
    large = make(tmp_path / "large", by_hand, good=10, start=200)
    work_off(system, warm)
    ingests, seconds = zip(*(work_off(system, catalog) for catalog in (first, second, large)), strict=True)
    judge(system, warm, first, second, large)
    megabytes = [round(peak / 1e6) for peak in (*worker.peaks.values(), *(one.highest for one in ingests))]
    print(
        f"\n{len(odd)} odd files and 210 good photos: {[round(one, 1) for one in seconds]} s, peaks {megabytes} MB"
    )
    check_processes(worker, *ingests)
    assert seconds[1] <= 2.3 * seconds[0]
