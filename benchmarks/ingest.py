"""What acceptance costs: an ingest against a bare loop that only puts the same photos into the same store.

`python -m benchmarks.ingest [--quick]`. Photos are like a shop's, in a folder with a manifest. An ingest reads, checks
and hashes them, puts them, writes products, photos and work for four models, and publishes. The bare loop has all bytes
and keys in memory, and the number of threads that suits it best. They take turns, each time with photos and a bucket
that are new.
"""

from __future__ import annotations

import hashlib
import io
import os
import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from uuid import uuid4

import numpy as np
from PIL import Image, ImageFilter

from benchmarks.rows import Row, run
from benchmarks.scratch import Scratch, scratch
from catalog.asset_store import AssetStore, image_key
from catalog.error_report import ErrorReport
from catalog.ingest import Ingest
from catalog.manifests import open_manifest
from catalog.sources import Sources
from tests.acceptance.photos import write_manifest
from tests.catalog.shop import add_version
from workers.publisher import Publisher
from workers.runtime import Runtime

MODELS = 4  # as the starter pack
THREADS = (1, 2, 4, 8, 16)  # of the bare loop; the best is taken
DRAWN = 64  # photos that are really drawn; the others are these with a comment that makes them new


def measure(quick: bool) -> list[Row]:
    """Photos a second of both, and their ratio."""
    photos, rounds = (1000, 3) if quick else (2000, 5)
    with scratch() as place:
        trial = [(threads, bare(place.runtime().store, batch(300), threads)) for threads in THREADS]
        threads, _ = max(trial, key=lambda found: found[1])
        ingest(place, batch(300))  # warm
        rates: dict[str, list[float]] = {"ingest": [], "bare": []}
        for turn in range(2 * rounds):
            data = batch(photos)
            if turn % 2 == turn // 2 % 2:
                rates["ingest"].append(ingest(place, data))
            else:
                rates["bare"].append(bare(place.runtime().store, data, threads))
    size = sum(map(len, data)) / photos / 1000
    return rows(rates, f"{photos} photos of {size:.0f} KB, {rounds} rounds", threads)


def rows(rates: dict[str, list[float]], note: str, threads: int) -> list[Row]:
    ingests, bares = (statistics.median(rates[name]) for name in ("ingest", "bare"))
    tried = ", ".join(f"{rate:.0f}" for rate in rates["ingest"])
    return [
        Row("ingest", ingests, "photos/s", None, True, f"{note}: {tried}"),
        Row("bare loop of PUTs", bares, "photos/s", None, True, f"{threads} threads, the best of {THREADS}"),
        Row("ingest ÷ bare loop", ingests / bares, "", 0.8, True, "of the medians"),
    ]


def ingest(place: Scratch, photos: Sequence[bytes]) -> float:
    """Photos a second of an ingest as `tagmill ingest` does it, into a database, bucket and queue of its own."""
    name = uuid4().hex
    manifest = _write(place.folder / name, photos)
    runtime = place.runtime(s3_bucket=f"ingest-{name}", queue=name, database_url=place.database())
    runtime.store.ensure_bucket()
    versions = [add_version(runtime.engine, model).id for model in "abcd"[:MODELS]]
    publisher = _publisher(place, runtime)
    with ErrorReport(place.folder / f"{name}.errors.csv") as report:
        started = time.perf_counter()
        with open_manifest(str(manifest), store=runtime.store) as opened:
            sources = Sources(opened.base, store=runtime.store, max_bytes=runtime.settings.max_bytes)
            intake = Ingest(
                runtime.engine, runtime.store, sources, runtime.limits, versions, publisher.publish_due
            )
            summary = intake.run(opened, report)
        seconds = time.perf_counter() - started
    assert (summary.photos_new, summary.work_new) == (len(photos), MODELS * len(photos))
    runtime.engine.dispose()
    return len(photos) / seconds


def bare(store: AssetStore, photos: Sequence[bytes], threads: int) -> float:
    """Photos a second of nothing but PUTs, under keys of the same form."""
    bucket = store.in_bucket(f"bare-{uuid4().hex}")
    bucket.ensure_bucket()
    objects = [(image_key(hashlib.sha256(data).hexdigest(), "JPEG"), data) for data in photos]
    with ThreadPoolExecutor(threads) as pool:
        started = time.perf_counter()
        for _ in pool.map(lambda each: bucket.put(*each, "image/jpeg"), objects):
            pass
        return len(photos) / (time.perf_counter() - started)


def batch(count: int) -> list[bytes]:
    """`count` photos whose bytes were never seen before."""
    drawn = _drawn()
    return [_with_comment(drawn[n % len(drawn)], uuid4().bytes) for n in range(count)]


@cache
def _drawn() -> list[bytes]:
    """JPEGs of about 60 KB, 600 to 1600 pixels wide: a soft object with some grain before a plain ground."""
    chance = np.random.default_rng(0)
    return [_draw(chance, int(side)) for side in chance.integers(600, 1601, DRAWN)]


def _draw(chance: np.random.Generator, side: int) -> bytes:
    coarse = Image.fromarray(chance.integers(0, 256, (12, 12, 3), dtype=np.uint8))
    soft = coarse.resize((side, side), Image.Resampling.BICUBIC).filter(ImageFilter.GaussianBlur(2))
    grain = chance.normal(0, 1500 / side, (side, side, 1))
    pixels = np.clip(np.asarray(soft) + grain, 0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=75)
    return buffer.getvalue()


def _with_comment(photo: bytes, comment: bytes) -> bytes:
    """The same JPEG with a COM segment after its first marker."""
    return photo[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + photo[2:]


def _write(folder: Path, photos: Sequence[bytes]) -> Path:
    folder.mkdir()
    for n, data in enumerate(photos):
        (folder / f"{n}.jpg").write_bytes(data)
    lines = [(f"SKU-{n}", f"Item {n}", f"{n}.jpg") for n in range(len(photos))]
    return write_manifest(folder / "products.csv", lines)


def _publisher(place: Scratch, runtime: Runtime) -> Publisher:
    """To the real queue, with an application of this runtime's own."""
    os.environ.update(place.environment)  # the module reads the settings when imported
    from workers.celery_app import CeleryQueue, Tagmill, configure

    config = runtime.settings
    queue = CeleryQueue(configure(Tagmill("benchmark"), config), config)
    return Publisher(runtime.ledger, queue, chunk_size=config.chunk_size, max_published=config.max_published)


if __name__ == "__main__":
    run(__doc__, measure)
