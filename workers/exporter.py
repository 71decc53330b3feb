"""The state of services and ledger for Prometheus: one process asks for all hosts."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from catalog import gauges
from catalog.gauges import Gauge
from catalog.ledger import LANES
from workers.health import Probes
from workers.publisher import Queue
from workers.runtime import Runtime


class Exporter(Collector):
    """Asks at each scrape. What does not answer is told as `tagmill_service_up 0`; the rest is told all the same."""

    def __init__(self, runtime: Runtime, queue: Queue) -> None:
        self._runtime = runtime
        self._queue = queue
        self._probes = Probes(runtime)

    def collect(self) -> Iterable[GaugeMetricFamily]:
        health = {service.name: service.ok for service in self._probes.look()}
        found = [
            Gauge("tagmill_service_up", "1 where a service answers", float(ok), (("service", name),))
            for name, ok in health.items()
        ]
        if health["redis"]:
            found += self._messages()
        if health["postgres"]:
            found += self._ledger()
        return _families(found)

    def _messages(self) -> list[Gauge]:
        told = "Messages that wait in Redis; each carries up to TAGMILL_CHUNK_SIZE photos"
        return [
            Gauge("tagmill_queue_messages", told, self._queue.depth(lane), (("lane", lane),))
            for lane in LANES
        ]

    def _ledger(self) -> list[Gauge]:
        try:
            with self._runtime.engine.connect() as connection:
                return list(gauges.read(connection))
        except OperationalError:  # it went away just now
            return []
        except SQLAlchemyError:  # the schema is of another release
            return [Gauge("tagmill_service_up", "1 where a service answers", 0.0, (("service", "schema"),))]


def _families(found: Iterable[Gauge]) -> list[GaugeMetricFamily]:
    families: dict[str, GaugeMetricFamily] = {}
    for one in found:
        names, values = [name for name, _ in one.labels], [value for _, value in one.labels]
        family = families.setdefault(one.name, GaugeMetricFamily(one.name, one.help, labels=names))
        family.add_metric(values, one.value)
    return list(families.values())


def registry(runtime: Runtime, queue: Queue) -> CollectorRegistry:
    """What `tagmill exporter` answers with."""
    made = CollectorRegistry()
    made.register(Exporter(runtime, queue))
    return made
