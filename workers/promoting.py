"""Promote a version once it has what it needs: what is missing is planned, waited for, and looked at again."""

from __future__ import annotations

import time
from collections.abc import Callable

from catalog import promotion, stale, versions
from catalog.errors import NotCovered
from catalog.ledger import Lane
from catalog.promotion import Gaps, Switched
from workers.intake import publish_due
from workers.runtime import Runtime

LOOK = 1.0
FEW = 1_000  # photos that may pass the backlog: those that came while the rest was filled


def promote(runtime: Runtime, reference: str, *, anyway: bool = False) -> Switched:
    """As `catalog.promotion.promote`, in a transaction of its own."""
    with runtime.engine.begin() as connection:
        return promotion.promote(connection, reference, anyway=anyway)


def fill_and_promote(
    runtime: Runtime, reference: str, on_progress: Callable[[Gaps], None] = lambda _: None
) -> Switched:
    """Run the version over photos that lack it, wait until it has all, promote it.

    Photos that are taken in meanwhile are filled as well, in ever smaller portions. It may be interrupted and started
    again. Raises NotCovered where photos fail: what is missing then, nothing but a decision can mend.
    """
    while True:
        started = time.monotonic()
        gaps = _look(runtime, reference)  # by no lock: ingests go on
        if not gaps.fillable:
            try:
                return promote(runtime, reference)
            except NotCovered as error:
                gaps = error.gaps
                if not gaps.fillable:
                    raise
        on_progress(gaps)
        if gaps.unasked:
            _fill(runtime, reference, gaps)
        # A look takes the longer, the more photos there are: it must not become the load.
        time.sleep(max(LOOK, 2 * (time.monotonic() - started)))


def _look(runtime: Runtime, reference: str) -> Gaps:
    with runtime.engine.connect() as connection:
        version = versions.find(connection, reference)
        serving = versions.serving(connection, version.name)
        if serving is None or serving.id == version.id:
            return Gaps()
        return promotion.gaps(connection, version, serving)


def _fill(runtime: Runtime, reference: str, gaps: Gaps) -> None:
    lane: Lane = "fresh" if gaps.unasked <= FEW else "backlog"
    with runtime.engine.begin() as connection:
        version = versions.find(connection, reference)
        stale.plan(connection, version.id, version.key, lane=lane)
    publish_due(runtime)
