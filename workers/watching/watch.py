"""Gathers frames. A service that is away is told, and asked again for the next frame."""

from __future__ import annotations

from datetime import UTC, datetime

from redis.exceptions import RedisError
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from catalog import activity
from catalog.ledger import LANES, Lane
from workers.health import Probes, ServiceHealth
from workers.publisher import Queue
from workers.runtime import Runtime
from workers.watching.frame import Frame, Ledger
from workers.watching.seldom import Seldom

JOBS_SHOWN = 12
CALM_SECONDS = 10.0
"""How long what changes seldom is kept."""


class Watch:
    """Looks at one system, again and again. What is slow to read is kept for some frames."""

    def __init__(self, runtime: Runtime, queue: Queue) -> None:
        self._runtime = runtime
        self._queue = queue
        self._probes = Probes(runtime)
        self._jobs = Seldom(lambda connection: activity.open_jobs(connection, JOBS_SHOWN))
        self._throughput = Seldom(activity.throughput)
        self._leases = Seldom(activity.leases)
        self._oldest_due = Seldom(activity.oldest_due)
        self._failures = Seldom(activity.failed_lately, CALM_SECONDS)
        self._serving = Seldom(activity.serving, CALM_SECONDS)

    def look(self) -> Frame:
        """How everything stands now. Raises nothing that a service may cause."""
        services = self._probes.look()
        up = {service.name: service.ok for service in services}
        messages = self._messages() if up["redis"] else None
        ledger: Ledger | None = None
        if up["postgres"]:
            try:
                ledger = self._ledger()
            except OperationalError:  # it went away just now
                pass
            except SQLAlchemyError:
                services.append(ServiceHealth("schema", False, "of another release: run `tagmill migrate`"))
        return Frame(datetime.now(UTC), services, messages, ledger, self._runtime.settings.lease_seconds)

    def _messages(self) -> dict[Lane, int] | None:
        try:
            return {lane: self._queue.depth(lane) for lane in LANES}
        except RedisError:
            return None

    def _ledger(self) -> Ledger:
        with self._runtime.engine.connect() as connection:
            jobs, open_jobs = self._jobs(connection)
            return Ledger(
                self._throughput(connection),
                self._leases(connection),
                self._oldest_due(connection),
                jobs,
                open_jobs,
                self._failures(connection),
                self._serving(connection),
            )
