"""The demo's work from plan to done: workers are started, watched through the ledger, and gone at the end."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from catalog import stale, versions
from catalog.versions import Version
from workers.demo import workload
from workers.demo.processes import Worker
from workers.demo.seen import FINE_MASK
from workers.demo.voice import Voice
from workers.runtime import Runtime

_LOOK_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Plan:
    """The demo's photos (image ids), what every photo gets, and the products that get the fine mask besides."""

    images: tuple[int, ...]
    every: tuple[Version, ...]
    fine: Version
    fine_images: tuple[int, ...]
    fine_skus: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Done:
    """How it ended: items by state, and the seconds from the worker's start to the last photo, if one was needed."""

    states: Counter[str]
    fine_states: Counter[str]
    items_new: int
    worker_seconds: float | None

    @property
    def complete(self) -> bool:
        return set(self.states) | set(self.fine_states) == {"done"}


def plan(
    runtime: Runtime, hashes: Sequence[str], fine_hashes: Sequence[str], fine_skus: Sequence[str]
) -> Plan:
    """What the demo wants done, whether or not it is done already."""
    with runtime.engine.connect() as connection:
        return Plan(
            tuple(workload.image_ids(connection, hashes)),
            tuple(versions.for_new_photos(connection)),
            versions.find(connection, FINE_MASK),
            tuple(workload.image_ids(connection, fine_hashes)),
            tuple(fine_skus),
        )


def work_off(runtime: Runtime, plan: Plan, publish: Callable[[], object], log: Path, voice: Voice) -> Done:
    """Run workers until every item of the plan is over, one way or the other. Raises WorkerDied.

    The fine mask is planned when no photo waits for the fast models any more: it then uses the time in which one
    process would be idle, and the throughput that is reported is that of the fast models alone.
    """
    run = _Run(runtime, plan, publish)
    models = max(1, len(plan.every))
    started = time.monotonic()
    fast_seconds: float | None = None
    had_work = False
    with Worker(log) as worker, voice.progress("photos", len(plan.images)) as update:
        while True:
            states, fine_states = run.look()
            if not run.fine_planned and not any(states[state] for state in workload.WAITING):
                run.plan_fine()
                states, fine_states = run.look()
            is_open = any(states[state] for state in workload.OPEN)
            had_work |= is_open
            if not is_open and fast_seconds is None:
                fast_seconds = time.monotonic() - started
            if not is_open and not any(fine_states[state] for state in workload.OPEN):
                break
            worker.ensure_running()
            closed = sum(count for state, count in states.items() if state not in (*workload.OPEN, "missing"))
            update(closed // models, _note(is_open, closed // models, time.monotonic() - started))
            time.sleep(_LOOK_SECONDS)
    return Done(states, fine_states, run.items_new, fast_seconds if had_work else None)


def _note(is_open: bool, photos: int, seconds: float) -> str:
    if not is_open:
        return "now the fine mask on a few"
    return f"{photos / seconds:,.0f}/s since the start" if photos else "workers are starting"


class _Run:
    """The ledger as far as one plan is concerned."""

    def __init__(self, runtime: Runtime, plan: Plan, publish: Callable[[], object]) -> None:
        self._runtime = runtime
        self._plan = plan
        self._publish = publish
        self.fine_planned = False
        self.items_new = 0

    def look(self) -> tuple[Counter[str], Counter[str]]:
        plan = self._plan
        with self._runtime.engine.connect() as connection:
            fast = workload.states(connection, plan.images, [version.id for version in plan.every])
            return fast, workload.states(connection, plan.fine_images, [plan.fine.id])

    def plan_fine(self) -> None:
        """Ask for the fine mask where it was never asked for."""
        self.fine_planned = True
        _, states = self.look()
        if not states["missing"]:
            return
        with self._runtime.engine.begin() as connection:
            version = self._plan.fine
            _, added = stale.plan(connection, version.id, version.key, self._plan.fine_skus, None)
        self.items_new += added
        self._publish()
