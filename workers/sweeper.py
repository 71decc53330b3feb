"""The sweep: the only way back for work whose worker or whose message is gone."""

from __future__ import annotations

from dataclasses import asdict

import structlog
from sqlalchemy.exc import SQLAlchemyError

from catalog.ledger import Ledger, Swept
from workers.publisher import Publisher

log = structlog.get_logger()


def sweep(ledger: Ledger, publisher: Publisher) -> None:
    """Take back expired leases, end cancelled jobs, publish what is due and carried by no message, tell what ended."""
    swept = ledger.sweep()
    published = publisher.recover_lost()
    ended = end_jobs(ledger)
    if published or ended or swept != Swept():
        log.info("swept", **asdict(swept), published=published, ended=ended)


def end_jobs(ledger: Ledger) -> int:
    """`Ledger.end_jobs`, whose trouble, as in a database older than webhooks, disturbs no sweep."""
    try:
        return ledger.end_jobs()
    except SQLAlchemyError as error:
        log.warning("ended jobs are told later", error=str(error))
        return 0
