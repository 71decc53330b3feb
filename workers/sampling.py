"""Run a model over a few photos now, and wait for it."""

from __future__ import annotations

import time
from collections.abc import Callable

from catalog import jobs, rates, stale
from catalog.errors import CatalogError
from catalog.filters import Filter
from catalog.jobs import Progress
from catalog.versions import Version
from workers.intake import publish_due
from workers.runtime import Runtime

LOOK = 0.3
MEASURED_WITHIN = 15.0


class NobodyWorks(CatalogError):
    """Start `tagmill worker`, then ask again: what was planned is done by it meanwhile."""


def run_sample(
    runtime: Runtime,
    version: Version,
    count: int,
    products: Filter,
    on_progress: Callable[[Progress], None] = lambda _: None,
    *,
    patience: float = 60.0,
) -> Progress:
    """A fresh job over `count` photos that lack the version, until it is over; its last progress.

    Raises NobodyWorks where no worker began anything for `patience` seconds.
    """
    with runtime.engine.begin() as connection:
        job_id, _ = stale.plan(
            connection, version.id, version.key, limit=count, products=products, lane="fresh"
        )
    publish_due(runtime)
    moved, closed = time.monotonic(), 0
    while True:
        with runtime.engine.connect() as connection:
            (found,) = jobs.progress(connection, job_id=job_id)
        on_progress(found)
        if not found.goes_on:
            if found.closed:
                _await_measure(runtime, version)
            return found
        if found.leased or found.retry or found.closed != closed:  # a photo may wait for its next try
            moved, closed = time.monotonic(), found.closed
        if time.monotonic() - moved > patience:
            raise NobodyWorks(
                f"job {job_id} waits and no worker takes it: run `tagmill worker`, then `tagmill plan` again"
            )
        time.sleep(LOOK)


def _await_measure(runtime: Runtime, version: Version) -> None:
    """A process tells how long a chunk took when it is over, a moment after its last photo."""
    until = time.monotonic() + MEASURED_WITHIN
    while time.monotonic() < until:
        with runtime.engine.connect() as connection:
            if rates.measured(connection, [version.id], 1):
                return
        time.sleep(LOOK)
