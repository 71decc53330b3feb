"""Starts a Celery worker, sends a message a photo and waits for the rows."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable

from redis import Redis

from benchmarks.peers import common, processes

TUNED = "PEERS_TUNED"


def run(about: str | None, module: str, send: Callable[[str], object]) -> int:
    """The exit code. `module` holds the app; its workers read the form from the environment."""
    asked = common.arguments(about)
    processes.end_on_signals()
    common.empty_table()
    if asked.tuned:
        os.environ[TUNED] = "1"
    command = [sys.executable, "-m", "celery", "-A", module, "worker", "--loglevel", "WARNING"]
    command += ["--concurrency", str(common.CORES)]
    with Redis.from_url(common.redis_url()) as redis, processes.warm_folder():
        redis.flushdb()
        try:
            with processes.running(command) as worker:

                def alive() -> bool:
                    return worker.poll() is None

                processes.wait_warm(common.CORES, alive)
                start = time.time()
                for key in asked.keys:
                    send(key)
                end = common.wait_for_rows(len(asked.keys), alive)
        finally:
            redis.flushdb()
    return common.finish(len(asked.keys), end - start)
