"""What a worker host does beside its tasks: log in one format, sweep, and stop when it is drained."""

from __future__ import annotations

import os
import signal
from typing import Any

from celery.signals import setup_logging, worker_ready, worker_shutting_down

from workers.celery_app import publisher
from workers.logs import configure_logs
from workers.runtime import Runtime
from workers.settings import settings
from workers.sweeper import Periodic, sweep

DRAIN = "TAGMILL_DRAIN"  # set by `tagmill worker --drain` for its own process
DRAIN_POLL_SECONDS = 1.0

_threads: list[Periodic] = []


@setup_logging.connect  # type: ignore[untyped-decorator]
def _logs(**_: Any) -> None:
    configure_logs(settings())


@worker_ready.connect  # type: ignore[untyped-decorator]
def _start(**_: Any) -> None:
    config = settings()
    runtime = Runtime(config)
    ledger, way_out = runtime.ledger, publisher(runtime)
    _threads.append(Periodic("sweep", config.sweep_seconds, lambda: sweep(ledger, way_out)))
    if os.environ.get(DRAIN):
        _threads.append(
            Periodic("drain", DRAIN_POLL_SECONDS, lambda: _stop_when_drained(ledger.has_open_items()))
        )
    for thread in _threads:
        thread.start()


def _stop_when_drained(open_items: bool) -> None:
    if not open_items:
        os.kill(os.getpid(), signal.SIGTERM)  # Celery's orderly shutdown


@worker_shutting_down.connect  # type: ignore[untyped-decorator]
def _stop(**_: Any) -> None:
    for thread in _threads:
        thread.stop()
