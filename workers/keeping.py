"""What is done now and then for the whole catalog, whoever processes photos: webhooks are told, vectors are indexed.

Every worker host does it. Where hosts log in as `worker`, which has no right to either, the keeper does it for all.
"""

from __future__ import annotations

import signal
import threading

import structlog

from catalog.search import vector_indexes
from workers.periodic import Periodic
from workers.runtime import Runtime
from workers.webhooks import Dispatcher

log = structlog.get_logger()

DELIVERY_SECONDS, PRUNE_SECONDS, INDEX_SECONDS = 2.0, 3600.0, 300.0


def duties(runtime: Runtime, dispatcher: Dispatcher) -> list[Periodic]:
    """The threads, not started yet. Each leaves what its role may not do."""
    return [
        Periodic("webhooks", DELIVERY_SECONDS, dispatcher.look),
        Periodic("prune", PRUNE_SECONDS, dispatcher.prune),
        Periodic("vector indexes", INDEX_SECONDS, lambda: _index_vectors(runtime)),
    ]


def keep(runtime: Runtime) -> None:
    """Do it until SIGTERM or Ctrl-C; a delivery that is under way is made again by whoever comes next."""
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    threads = duties(runtime, Dispatcher(runtime.engine, runtime.settings.inside_hosts))
    for thread in threads:
        thread.start()
    ended.wait()
    for thread in threads:
        thread.stop()


def _index_vectors(runtime: Runtime) -> None:
    """Postgres does the work; this thread waits for it."""
    for made in vector_indexes.keep(runtime.engine):
        log.info("vectors indexed", index=made.name, width=made.width)
