"""A frame: how the running system stands at one moment. Plain values, which whoever draws them need not ask for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from catalog import activity
from catalog.activity import FailedCode, Lease
from catalog.jobs import Progress
from catalog.ledger import Lane
from workers.health import ServiceHealth


@dataclass(frozen=True, slots=True)
class Ledger:
    """What Postgres knows. `photos` are those of the chunks that ended in each ten seconds, the newest last.

    `jobs` are the oldest of the `open_jobs` that are not over, as they were when they were last counted.
    """

    photos: list[int]
    leases: list[Lease]
    oldest_due: dict[Lane, float]
    jobs: list[Progress]
    open_jobs: int
    failures: list[FailedCode]
    serving: list[str]

    @property
    def per_second(self) -> float:
        """Photos a second, of the last ten seconds."""
        return activity.per_second(self.photos, 10)

    @property
    def per_second_of_minute(self) -> float:
        """Photos a second, of the last minute."""
        return activity.per_second(self.photos, 60)


@dataclass(frozen=True, slots=True)
class Frame:
    """`messages` are those that wait in Redis; they and the ledger are None where their service is away.

    A holder prolongs its lease to `lease_seconds` with each heartbeat.
    """

    at: datetime
    services: list[ServiceHealth]
    messages: dict[Lane, int] | None
    ledger: Ledger | None
    lease_seconds: float

    @property
    def healthy(self) -> bool:
        return all(service.ok for service in self.services)
