"""The sweep: the only way back for work whose worker or whose message is gone."""

from __future__ import annotations

from dataclasses import asdict

import structlog

from catalog.ledger import Ledger, Swept
from workers.publisher import Publisher

log = structlog.get_logger()


def sweep(ledger: Ledger, publisher: Publisher) -> None:
    """Take back expired leases, end cancelled jobs, then publish what is due and carried by no message."""
    swept = ledger.sweep()
    published = publisher.recover_lost()
    if published or swept != Swept():
        log.info("swept", **asdict(swept), published=published)
