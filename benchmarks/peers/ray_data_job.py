"""Ray Data: keys, a stage that fetches and decodes, a pool of predictors, and a sink or inserts."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numpy as np
import ray
import torch
from minio import Minio

from benchmarks.peers import common, processes
from benchmarks.peers.model import EagerModel, SharedModel, rows
from benchmarks.peers.photos import to_pixels, to_tensor

BATCH = 32
STEP, THREADS, BLOCK = 8, 4, 32
"""Tuned: photos a forward pass, threads that fetch and decode, and photos a block."""
HALF = 0.5
"""CPUs of a stage's process as Ray counts them: with a whole one each, the predictors would leave none for fetching."""

Batch = dict[str, Any]


@cache
def client() -> Minio:
    return common.minio_client()


def fetch_and_decode(row: Batch) -> Batch:
    return {"key": row["item"], "image": to_tensor(common.fetch(client(), row["item"])).numpy()}


class Predictor:
    """One forward pass a batch; gives five rows a photo."""

    def __init__(self) -> None:
        self.model = EagerModel()
        processes.warm()

    def __call__(self, batch: Batch) -> Batch:
        found = rows(list(batch["key"]), self.model(torch.from_numpy(batch["image"])))
        return dict(zip(("key", "rank", "label", "score"), map(list, zip(*found, strict=True)), strict=True))


class Tagger:
    """Fetches and decodes in threads, predicts with a compiled model on one thread, and inserts."""

    def __init__(self) -> None:
        self.connection = common.connect()
        self.threads = ThreadPoolExecutor(THREADS)
        self.model = SharedModel()
        client().bucket_exists(common.setting("S3_BUCKET"))
        processes.warm()

    def __call__(self, batch: Batch) -> Batch:
        keys = list(batch["item"])
        pixels = list(self.threads.map(lambda key: to_pixels(common.fetch(client(), key)), keys))
        common.insert(self.connection, rows(keys, self.model(pixels)))
        return {"photos": np.array([len(keys)])}


def documented(keys: Sequence[str]) -> None:
    pool = ray.data.ActorPoolStrategy(size=common.CORES)
    dataset = ray.data.from_items(list(keys))
    dataset = dataset.map(fetch_and_decode, num_cpus=HALF)
    dataset = dataset.map_batches(Predictor, compute=pool, batch_size=BATCH, num_cpus=HALF)
    dataset.write_sql(common.INSERT, common.connect)


def tuned(keys: Sequence[str]) -> None:
    """One stage, so that no photo travels between processes."""
    pool = ray.data.ActorPoolStrategy(size=common.CORES)
    dataset = ray.data.from_items(list(keys), override_num_blocks=-(-len(keys) // BLOCK))
    dataset.map_batches(Tagger, compute=pool, batch_size=BLOCK).materialize()


@ray.remote(num_cpus=0)
def prepare(together: float) -> None:
    """Leaves a process that has imported this module; it sleeps, so that each call gets a process of its own."""
    time.sleep(together)


def main() -> int:
    asked = common.arguments(__doc__)
    processes.end_on_signals()
    common.empty_table()
    with processes.warm_folder():
        ray.init(num_cpus=common.CORES, include_dashboard=False)
        try:
            ray.get([prepare.remote(3.0) for _ in range(2 * common.CORES)])
            # The dataset's first photo is read when all predictors are warm: the clock starts there.
            ray.data.DataContext.get_current().wait_for_min_actors_s = int(processes.WARM_SECONDS)
            (tuned if asked.tuned else documented)(asked.keys)
            end, start = time.time(), max(processes.warm_since())
        finally:
            ray.shutdown()
    return common.finish(len(asked.keys), end - start)
