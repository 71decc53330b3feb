"""The sweep: the only way back for work whose worker or whose message is gone."""

from __future__ import annotations

import structlog

from catalog.ledger import Ledger
from workers.publisher import Publisher

log = structlog.get_logger()


def sweep(ledger: Ledger, publisher: Publisher) -> None:
    """Take back expired leases, then publish what is due and carried by no message."""
    swept = ledger.sweep()
    published = publisher.recover_lost()
    if swept.retried or swept.quarantined or published:
        log.info("swept", retried=swept.retried, quarantined=swept.quarantined, published=published)
