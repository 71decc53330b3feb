"""A plain script: a Dataset that fetches and decodes, a DataLoader, a loop."""

from __future__ import annotations

import multiprocessing
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from multiprocessing.synchronize import Barrier

import numpy as np
import torch
from minio import Minio
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from benchmarks.peers import common, processes
from benchmarks.peers.model import EagerModel, SharedModel, rows
from benchmarks.peers.photos import to_pixels, to_tensor

BATCH = 32
STEP, THREADS, AHEAD = 8, 4, 32
"""Tuned: photos a forward pass, threads that fetch and decode, and photos they are ahead."""


class Photos(Dataset[tuple[str, Tensor]]):
    """Key and tensor of each photo; the client is opened in the process that uses it."""

    def __init__(self, keys: Sequence[str]) -> None:
        self.keys = keys
        self.client: Minio | None = None

    def __len__(self) -> int:
        return len(self.keys)

    def __getitem__(self, index: int) -> tuple[str, Tensor]:
        self.client = self.client or common.minio_client()
        return self.keys[index], to_tensor(common.fetch(self.client, self.keys[index]))


def documented(keys: Sequence[str]) -> float:
    """Worker processes decode, the main process predicts and writes. Returns the seconds."""
    model = EagerModel()
    with closing(common.connect()) as connection:
        loader = DataLoader(Photos(keys), batch_size=BATCH, num_workers=common.CORES)
        start = time.time()
        for names, batch in loader:
            common.insert_one_by_one(connection, rows(names, model(batch)))
        return time.time() - start


def tuned(keys: Sequence[str]) -> float:
    """A process a core, each with its share of the photos. Returns the seconds."""
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(common.CORES + 1)
    shards = [
        context.Process(target=shard, args=(keys[k :: common.CORES], barrier), daemon=True)
        for k in range(common.CORES)
    ]
    try:
        for process in shards:
            process.start()
        barrier.wait(processes.WARM_SECONDS)
        start = time.time()
        for process in shards:
            process.join()
        return time.time() - start
    finally:
        for process in shards:
            process.kill()


def shard(keys: Sequence[str], barrier: Barrier) -> None:
    """Predicts and writes, while threads fetch and decode what comes next."""
    client, model = common.minio_client(), SharedModel()
    client.bucket_exists(common.setting("S3_BUCKET"))
    with closing(common.connect()) as connection, ThreadPoolExecutor(THREADS) as threads:
        barrier.wait(processes.WARM_SECONDS)
        photos = ahead(threads, client, keys)
        for k in range(0, len(keys), BATCH):
            part = keys[k : k + BATCH]
            logits = [model([next(photos) for _ in part[n : n + STEP]]) for n in range(0, len(part), STEP)]
            common.insert(connection, rows(part, torch.cat(logits)))


def ahead(threads: ThreadPoolExecutor, client: Minio, keys: Sequence[str]) -> Iterator[NDArray[np.uint8]]:
    """The decoded photos in order, a few of them under way."""
    waiting: deque[Future[NDArray[np.uint8]]] = deque()
    for key in keys:
        waiting.append(threads.submit(lambda key: to_pixels(common.fetch(client, key)), key))
        if len(waiting) > AHEAD:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def main() -> int:
    asked = common.arguments(__doc__)
    processes.end_on_signals()
    common.empty_table()
    seconds = tuned(asked.keys) if asked.tuned else documented(asked.keys)
    return common.finish(len(asked.keys), seconds)


if __name__ == "__main__":
    sys.exit(main())
