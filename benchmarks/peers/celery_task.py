"""One Celery task a photo: fetch, decode, predict, insert, commit."""

from __future__ import annotations

import os
import sys

import sqlalchemy as sa
from celery import Celery
from celery.signals import worker_process_init

from benchmarks.peers import common, processes
from benchmarks.peers.celery_run import TUNED, run
from benchmarks.peers.model import CompiledModel, EagerModel, rows
from benchmarks.peers.photos import to_pixels, to_tensor

app = Celery("peers", broker=common.redis_url())
app.conf.update(
    task_ignore_result=True,
    worker_proc_alive_timeout=processes.WARM_SECONDS,  # the default of 4 s is too short for a model
    worker_prefetch_multiplier=32 if os.environ.get(TUNED) else 4,
)

TAGS = sa.table("peer_tags", *map(sa.column, ("key", "rank", "label", "score")))


class Documented:
    """Defaults throughout."""

    def __init__(self) -> None:
        self.client = common.minio_client()
        self.engine = sa.create_engine(common.setting("DATABASE_URL"))
        self.model = EagerModel()
        self.client.bucket_exists(common.setting("S3_BUCKET"))
        self.engine.connect().close()

    def tag(self, key: str) -> None:
        batch = to_tensor(common.fetch(self.client, key)).unsqueeze(0)
        found = rows([key], self.model(batch))
        with self.engine.begin() as connection:
            names = TAGS.c.keys()
            connection.execute(TAGS.insert(), [dict(zip(names, row, strict=True)) for row in found])


class Tuned:
    """Quick decoding, a compiled model on one thread, and one statement on a connection that stays open."""

    def __init__(self) -> None:
        self.client = common.minio_client()
        self.connection = common.connect()
        self.model = CompiledModel(batch=1)
        self.client.bucket_exists(common.setting("S3_BUCKET"))

    def tag(self, key: str) -> None:
        pixels = to_pixels(common.fetch(self.client, key))
        common.insert(self.connection, rows([key], self.model([pixels])))


worker: Documented | Tuned | None = None


@worker_process_init.connect  # type: ignore[untyped-decorator]
def load(**_: object) -> None:
    global worker
    worker = Tuned() if os.environ.get(TUNED) else Documented()
    processes.warm()


@app.task(name="peers.tag")  # type: ignore[untyped-decorator]
def tag(key: str) -> None:
    assert worker is not None
    worker.tag(key)


if __name__ == "__main__":
    sys.exit(run(__doc__, "benchmarks.peers.celery_task", lambda key: tag.delay(key)))
