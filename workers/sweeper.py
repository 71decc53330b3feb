"""The sweep: the only way back for work whose worker or whose message is gone."""

from __future__ import annotations

from dataclasses import asdict

import structlog
from sqlalchemy.exc import SQLAlchemyError

from catalog.ledger import Ledger, Swept
from workers.publisher import Publisher

log = structlog.get_logger()


def sweep(ledger: Ledger, publisher: Publisher) -> None:
    """Take back expired leases, end cancelled jobs, tell what ended, publish what is due and carried by no message."""
    swept = ledger.sweep()
    ended = end_jobs(ledger)  # before Redis is asked, which may be away
    published = publisher.recover_lost()
    if published or ended or swept != Swept():
        log.info("swept", **asdict(swept), published=published, ended=ended)


def end_jobs(ledger: Ledger) -> int:
    """`Ledger.end_jobs`, whose trouble disturbs no sweep."""
    try:
        return ledger.end_jobs()
    except SQLAlchemyError as error:
        log.warning("ended jobs are told later", error=str(error))
        return 0
