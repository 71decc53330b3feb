"""What worker processes count and time, for Prometheus. One host answers for all its processes.

Processes write into files of a folder that their host makes before they are forked (prometheus_client's multiprocess
mode), and the host adds them up when it is asked. Names are a contract: docs/monitoring.md.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar, get_args

from workers.pulse import is_alive

T = TypeVar("T")

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
OF_HOST = "TAGMILL_METRICS_OF"
"""A host's process id, for those of its children that are spawned and not forked."""

# Before prometheus_client is imported: that is when it looks. Each host has a folder of its own, whoever started it.
if os.environ.get(OF_HOST) != str(os.getppid()):
    for left in Path(tempfile.gettempdir()).glob("tagmill-metrics-*-*"):
        pid = left.name.split("-")[2]
        if pid.isdigit() and not is_alive(int(pid)):  # it was killed
            shutil.rmtree(left, ignore_errors=True)
    os.environ[FOLDER] = tempfile.mkdtemp(prefix=f"tagmill-metrics-{os.getpid()}-")

    def _clear_up(owner: int) -> None:
        if os.getpid() == owner:  # and no child of it
            shutil.rmtree(os.environ[FOLDER], ignore_errors=True)

    atexit.register(_clear_up, os.getpid())

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric  # noqa: E402
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead  # noqa: E402

from catalog.outcomes import Outcome, Stored  # noqa: E402
from models.compile.verdict import Form  # noqa: E402
from workers import tracing  # noqa: E402

SECONDS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)

PHOTOS = Counter(
    "tagmill_photos", "Answers by model version and what became of them", ["model", "outcome", "code"]
)
STAGE_SECONDS = Histogram(
    "tagmill_stage_seconds",
    "Time of a batch in a stage: claim, wait for photos, infer, masks, settle",
    ["stage"],
    buckets=SECONDS,
)
BATCH_PHOTOS = Histogram(
    "tagmill_batch_photos", "Photos a batch", buckets=(1, 2, 4, 8, 16, 24, 32, 64, 128, 256)
)
BUSY_SECONDS = Counter("tagmill_busy_seconds", "Time that processes spent on chunks")
REFUSED = Counter("tagmill_refused_results", "Results that came after their lease was lost")
MADE_WAY = Counter("tagmill_chunks_made_way", "Chunks of the backlog that were cut short for fresh photos")
REPLACED = Counter("tagmill_processes_replaced", "Processes without progress that the watchdog killed")
REFUSED_MESSAGES = Counter(
    "tagmill_refused_messages",
    "Messages in Redis that were not ours, or said nothing that a task takes",
    ["code"],
)
MODEL_FORM = Gauge(
    "tagmill_model_form",
    "1 for the form in which a process runs a network: int8, bf16, fp16, fp32 or eager",
    ["model", "form", "device"],
    multiprocess_mode="livesum",
)


def count(model: str, outcome: Outcome) -> None:
    """One answer of a model for a photo."""
    code = "" if isinstance(outcome, Stored) else outcome.code
    PHOTOS.labels(model, type(outcome).__name__.lower(), code).inc()


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Times the block as one batch's time in the stage, and tells of it as a span."""
    started = time.perf_counter()
    try:
        with tracing.span(name):
            yield
    finally:
        STAGE_SECONDS.labels(name).observe(time.perf_counter() - started)


def timed(name: str, items: Iterator[T]) -> Iterator[T]:
    """`items`, with the time that each is waited for as one batch's time in the stage, and as a span.

    The last span is that of finding that there is no more.
    """
    while True:
        started = time.perf_counter()
        with tracing.span(name):
            item = next(items, None)
        if item is None:
            return
        STAGE_SECONDS.labels(name).observe(time.perf_counter() - started)
        yield item


def tell_form(model: str, form: Form, device: str) -> None:
    """This process runs `model` in this form now, and in no other."""
    for other in get_args(Form):
        MODEL_FORM.labels(model, other, device).set(other == form)


class OfProcesses(MultiProcessCollector):
    """What a dead process counted stays; what it was, such as a network's form, does not."""

    def collect(self) -> Iterable[Metric]:
        for file in Path(os.environ[FOLDER]).glob("gauge_live*_*.db"):
            if not is_alive(pid := int(file.stem.rpartition("_")[2])):
                mark_process_dead(pid)  # type: ignore[no-untyped-call]
        found: Iterable[Metric] = super().collect()  # type: ignore[no-untyped-call]
        return found


def registry() -> CollectorRegistry:
    """All that this host's processes counted, the dead ones too."""
    made = CollectorRegistry()
    OfProcesses(made)  # type: ignore[no-untyped-call]
    return made
