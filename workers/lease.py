"""A lease kept alive while its holder works: a thread that prolongs it until the block ends."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import structlog
from sqlalchemy.exc import SQLAlchemyError

from catalog.ledger import Ledger

log = structlog.get_logger()


@contextmanager
def heartbeat(ledger: Ledger, token: UUID, every: float) -> Iterator[None]:
    """Prolong the lease of `token` each `every` seconds while the block runs.

    A database that does not answer is tried again at the next beat; if it stays silent the lease runs out, and
    the fence refuses whatever this holder still writes.
    """
    stop = threading.Event()

    def beat() -> None:
        while not stop.wait(every):
            try:
                ledger.heartbeat(token)
            except SQLAlchemyError as error:
                log.warning("heartbeat failed", token=str(token), error=str(error))

    thread = threading.Thread(target=beat, name=f"heartbeat-{token}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
