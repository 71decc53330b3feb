"""Where a photo's time goes: each stage of a worker alone, one thread, core-milliseconds a photo, all four tasks.

Processor time of this process: what the S3 server and Postgres take on top is not in it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

import torch

from benchmarks.limit import predictor
from benchmarks.photos import name, write_photos
from benchmarks.rows import Row, run
from benchmarks.scratch import scratch
from benchmarks.throughput import ALL, HOME
from models.decode import decode
from models.geometry import place
from models.postprocess import answers
from models.preprocess import make_batch
from workers.masks import encode_mask

T = TypeVar("T")
PHOTOS, PHOTOS_QUICK = 400, 100


def measure(quick: bool) -> list[Row]:
    torch.set_num_threads(1)
    count = PHOTOS_QUICK if quick else PHOTOS
    folder = HOME.absolute() / "photos"
    write_photos(folder, count)
    rows: list[Row] = []

    def stage(told: str, work: Callable[[int], T], calls: int) -> list[T]:
        work(0)
        started = time.process_time()
        found = [work(k) for k in range(calls)]
        rows.append(
            Row(told, 1000 * (time.process_time() - started) / count, "core-ms", None, at_least=False)
        )
        return found

    with scratch() as at:
        runtime = at.runtime(cache_dir=str(HOME.absolute() / "cache"))
        store = runtime.store
        store.ensure_bucket()
        for n in range(count):
            store.put(f"photos/{n}", (folder / name(n)).read_bytes(), "image/jpeg")
        loaded = predictor(runtime.settings, ALL)
        size = loaded.batch_size
        calls = count // size
        files = stage("fetch", lambda k: store.get(f"photos/{k}"), count)
        photos = stage("decode", lambda k: decode(files[k], sides=loaded.sides), count)
        where = [place(photo.width, photo.height, loaded.how) for photo in photos]

        def part(values: Sequence[T], k: int) -> Sequence[T]:
            return values[k * size : (k + 1) * size]

        batches = stage("lay out", lambda k: make_batch(part(photos, k), part(where, k), loaded.how), calls)
        raw = stage("network", lambda k: loaded.engine.run(batches[k]), calls)
        masks = []
        for spec in loaded.specs:
            found = stage(
                f"answers, {spec.task}", lambda k, s=spec: answers(s, raw[k], part(where, k)), calls
            )
            if spec.task == "segment":
                masks = [one.runs for batch in found for one in batch]
        pngs = stage("mask to PNG", lambda k: encode_mask(masks[k]), len(masks))
        stage("PNG to store", lambda k: store.put(f"masks/{k}", pngs[k], "image/png"), len(pngs))
    return rows


if __name__ == "__main__":
    run(__doc__, measure)
