"""How the catalog's work stands, in numbers that cost little however much there is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import sqlalchemy as sa

from catalog.ledger_sql import OLDEST
from catalog.places import is_shown


@dataclass(frozen=True, slots=True)
class Gauge:
    """One number; `labels` are (name, value)."""

    name: str
    help: str
    value: float
    labels: tuple[tuple[str, str], ...] = ()


def read(connection: sa.Connection) -> Iterator[Gauge]:
    """All of them. Work that is done is not counted: a table of ten million would be read for it."""
    for state, lane, count in connection.execute(_OPEN):
        yield Gauge(
            "tagmill_work_items", "Work items that are not over", count, (("state", state), ("lane", lane))
        )
    for code, count in connection.execute(_QUARANTINED):
        yield Gauge(
            "tagmill_quarantined_items", "Work items given up, by failure code", count, (("code", code),)
        )
    for lane, seconds in connection.execute(OLDEST):
        yield Gauge(
            "tagmill_oldest_due_seconds",
            "How long the photo that waits longest has been due, of jobs that are not on hold",
            float(seconds),
            (("lane", lane),),
        )
    expired = connection.scalar(_EXPIRED) or 0
    yield Gauge("tagmill_expired_leases", "Items held by leases that ran out and nobody took back", expired)
    for kind, state, count in connection.execute(_JOBS):
        yield Gauge(
            "tagmill_jobs", "Jobs that are open, or on hold", count, (("kind", kind), ("state", state))
        )
    for model, task in connection.execute(_SERVING):
        yield Gauge(
            "tagmill_serving_version", "1 for the versions that serve", 1, (("model", model), ("task", task))
        )


_OPEN = sa.text(
    """
    SELECT w.state, j.lane, count(*) FROM work_items w JOIN jobs j ON j.id = w.job_id
    WHERE w.state IN ('pending', 'retry') GROUP BY 1, 2
    UNION ALL
    SELECT w.state, j.lane, count(*) FROM work_items w JOIN jobs j ON j.id = w.job_id
    WHERE w.state = 'leased' GROUP BY 1, 2
    """
)

_QUARANTINED = sa.text(
    f"""
    SELECT error_code, count(*) FROM work_items w WHERE state = 'quarantined' AND {is_shown("w.image_id")}
    GROUP BY 1 ORDER BY 2 DESC LIMIT 50
    """
)

_EXPIRED = sa.text("SELECT count(*) FROM work_items WHERE state = 'leased' AND lease_expires_at < now()")

_JOBS = sa.text(
    """
    SELECT kind, coalesce(held, 'open'), count(*) FROM jobs j
    WHERE held IS DISTINCT FROM 'cancelled' AND (closed_at IS NULL OR EXISTS (
        SELECT FROM work_items w WHERE w.job_id = j.id AND w.state IN ('pending', 'retry'))) GROUP BY 1, 2
    """
)

_SERVING = sa.text("SELECT name || '@' || version, task FROM serving_versions")
