"""Messages that are not ours, or say nothing that a task takes: put aside where people see them, and the work goes on.

What comes of it costs nothing but a note in memory, whoever floods the queue; a thread writes some of it down.
"""

from __future__ import annotations

import os
import threading
from collections import Counter

import sqlalchemy as sa
import structlog

from catalog import refused
from catalog.refused import Refused

log = structlog.get_logger()

KEPT = 20
"""Messages that one writing keeps; the others are counted."""

_kept: list[Refused] = []
_count: Counter[str] = Counter()
_lock = threading.Lock()


def note(code: str, queue: str, message: bytes, reason: str = "") -> None:
    """One message is refused. Raises nothing and waits for nobody."""
    with _lock:
        _count[code] += 1
        if len(_kept) < KEPT:
            _kept.append(Refused(code, queue, len(message), refused.beginning(message), reason))


def write(engine: sa.Engine) -> None:
    """Into the table `refused_messages`, the log and the metrics, what was refused since the last time."""
    with _lock:
        kept, count = list(_kept), Counter(_count)
        _kept.clear()
        _count.clear()
    if not count:
        return
    from workers import metrics  # at its import it makes a folder, which not every process wants

    for code, messages in count.items():
        metrics.REFUSED_MESSAGES.labels(code).inc(messages)
    first = kept[0]
    log.error(
        "messages refused",
        messages=count.total(),
        codes=dict(count),
        queue=first.queue,
        begins=first.beginning,
    )
    with engine.begin() as connection:
        refused.keep(connection, kept)


def _forget() -> None:
    """After a fork: what the host has not written yet is the host's, and its lock may have been held."""
    global _lock
    _lock = threading.Lock()
    _kept.clear()
    _count.clear()


os.register_at_fork(after_in_child=_forget)
