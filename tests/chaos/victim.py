"""`tagmill`, with accidents: a real worker process in which faults happen at named steps.

Run as `python -m tests.chaos.victim worker …`. `CHAOS_FAULTS` holds the faults as JSON, `CHAOS_FOLDER` the notes of
those that have happened, with the times.
"""

from __future__ import annotations

import functools
import hashlib
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import torch
from redis import Redis

from catalog.asset_store import S3AssetStore
from catalog.ledger import Chunk, Ledger
from models import engine
from models.engine import Engine
from models.predictor import Predictor
from tests.chaos.fault import DIRECT_REDIS, FAULTS, FOLDER, Fault, parse
from workers import fetching
from workers.celery_app import CeleryQueue
from workers.cli import main
from workers.pipeline import Pipeline

faults: list[Fault] = []
settling: ContextVar[bool] = ContextVar("settling", default=False)


def reach(step: str, *, photo: str = "", batch: int = 0) -> None:
    """Called at each step; whatever is due there happens."""
    for fault in faults:
        if fault.step == step and fault.concerns(photo, batch) and _is_due(fault):
            ACTIONS[fault.action]()


def _is_due(fault: Fault) -> bool:
    if fault.skip:
        fault.skip -= 1
        return False
    return fault.happened(Path(os.environ[FOLDER]))


def _kill_host() -> None:
    os.killpg(0, signal.SIGKILL)


def _hang() -> None:
    time.sleep(1e6)


def _out_of_memory() -> None:
    raise torch.OutOfMemoryError("the device has no more memory")


def _device_assertion() -> None:
    raise RuntimeError("CUDA error: device-side assert triggered")


def _pause() -> None:
    time.sleep(0.05)


ACTIONS: dict[str, Callable[[], None]] = {
    "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "kill_host": _kill_host,
    "hang": _hang,
    "pause": _pause,
    "out_of_memory": _out_of_memory,
    "device_assertion": _device_assertion,
}


SMALL_BATCH = 4
"""The networks of these tests look at 32 px, of which a CPU takes hundreds at a time: too seldom for accidents."""


def around(owner: Any, name: str, wrap: Callable[..., Any]) -> None:
    """Put `wrap(original, *arguments)` in the place of a function."""
    original = getattr(owner, name)

    @functools.wraps(original)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        return wrap(functools.partial(original, *args, **kwargs), *args)

    setattr(owner, name, wrapped)


def after(step: str) -> Callable[..., Any]:
    def wrap(call: Callable[[], Any], *_: Any) -> Any:
        result = call()
        reach(step)
        return result

    return wrap


def run(call: Callable[[], Any], *_: Any) -> Any:
    reach("popped")
    report = call()
    reach("before_ack")
    return report


def decode(call: Callable[[], Any], data: bytes) -> Any:
    photo = hashlib.sha256(data).hexdigest()
    reach("decoding", photo=photo)
    decoded = call()
    reach("decoded", photo=photo)
    return decoded


def forward(call: Callable[[], Any], _: Engine, batch: torch.Tensor) -> Any:
    reach("forward", batch=len(batch))
    return call()


def put(call: Callable[[], Any], store: S3AssetStore, key: str, *_: Any) -> Any:
    call()
    if key.startswith("masks/"):
        reach("mask_put")


def settle(call: Callable[[], Any], *_: Any) -> Any:
    token = settling.set(True)
    try:
        refused = call()
    finally:
        settling.reset(token)
    reach("after_commit")
    return refused


def send(call: Callable[[], Any], _queue: CeleryQueue, chunks: Sequence[Chunk]) -> None:
    """A fault at this step sends each message twice more."""
    call()
    for fault in faults:
        if fault.step == "send":
            for _ in chunks:
                fault.happened(Path(os.environ[FOLDER]))
            call()
            call()


def past_the_proxy(_call: Callable[[], Any], _queue: CeleryQueue) -> Redis:
    """So that a host whose consumer hangs can still see that messages wait."""
    return Redis.from_url(os.environ[DIRECT_REDIS], socket_timeout=10)


def before_commit(_: sa.Connection) -> None:
    if settling.get():
        reach("before_commit")


def prepare_accidents() -> None:
    faults.extend(parse(os.environ.get(FAULTS, "[]")))
    around(Pipeline, "run", run)
    around(Ledger, "claim", after("claimed"))
    around(S3AssetStore, "get", after("fetched"))
    around(fetching, "decode", decode)
    around(Engine, "_forward", forward)
    around(engine, "best_batch", lambda call, *_: min(call(), SMALL_BATCH))
    around(Predictor, "outcomes", after("inferred"))
    around(S3AssetStore, "put", put)
    around(Ledger, "settle", settle)
    around(CeleryQueue, "send", send)
    if DIRECT_REDIS in os.environ:
        around(CeleryQueue, "_redis", past_the_proxy)
    sa.event.listen(sa.Engine, "commit", before_commit)


if __name__ == "__main__":
    prepare_accidents()
    sys.argv[0] = "tagmill"
    main()
