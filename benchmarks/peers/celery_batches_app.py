"""A message a photo, which celery-batches gathers into lists."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from celery import Celery
from celery.signals import worker_process_init
from celery_batches import Batches

from benchmarks.peers import common, processes
from benchmarks.peers.celery_run import TUNED, run
from benchmarks.peers.model import EagerModel, SharedModel, rows
from benchmarks.peers.photos import to_pixels, to_tensor

app = Celery("peers", broker=common.redis_url())
app.conf.update(
    task_ignore_result=True,
    worker_proc_alive_timeout=processes.WARM_SECONDS,  # the default of 4 s is too short for a model
    worker_prefetch_multiplier=0,  # as the documentation asks: else a buffer may never be full
)
# The documentation's numbers; tuned, lists are short enough that all processes end at about the same time.
flush = (
    {"flush_every": 32, "flush_interval": 1}
    if os.environ.get(TUNED)
    else {"flush_every": 100, "flush_interval": 10}
)


class Documented:
    """One photo after the other, one forward pass for the list, `executemany`."""

    def __init__(self) -> None:
        self.client = common.minio_client()
        self.connection = common.connect()
        self.model = EagerModel()
        self.client.bucket_exists(common.setting("S3_BUCKET"))

    def tag(self, keys: Sequence[str]) -> None:
        batch = torch.stack([to_tensor(common.fetch(self.client, key)) for key in keys])
        common.insert_one_by_one(self.connection, rows(keys, self.model(batch)))


class Tuned:
    """Threads that fetch and decode quickly, a compiled model on one thread, one statement for the list."""

    def __init__(self) -> None:
        self.client = common.minio_client()
        self.connection = common.connect()
        self.threads = ThreadPoolExecutor(4)
        self.model = SharedModel()
        self.client.bucket_exists(common.setting("S3_BUCKET"))

    def tag(self, keys: Sequence[str]) -> None:
        pixels = list(self.threads.map(lambda key: to_pixels(common.fetch(self.client, key)), keys))
        common.insert(self.connection, rows(keys, self.model(pixels)))


worker: Documented | Tuned | None = None


@worker_process_init.connect  # type: ignore[untyped-decorator]
def load(**_: object) -> None:
    global worker
    worker = Tuned() if os.environ.get(TUNED) else Documented()
    processes.warm()


@app.task(name="peers.tag", base=Batches, **flush)  # type: ignore[untyped-decorator]
def tag(requests: Sequence[Any]) -> None:
    assert worker is not None
    worker.tag([request.args[0] for request in requests])


def main() -> int:
    return run(__doc__, "benchmarks.peers.celery_batches_app", lambda key: tag.delay(key))
