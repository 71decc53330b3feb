"""Liveness: a process that does not get on is killed and replaced; a host that gets no messages ends.

Its supervisor starts it again. Nothing is lost either way: the lease brings the work back.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import structlog

from workers.metrics import REPLACED
from workers.pulse import Pulse

log = structlog.get_logger()

EXIT_STALLED = 75  # EX_TEMPFAIL of sysexits.h: start me again


@dataclass(slots=True)
class Watchdog:
    """Looks at the processes of one host. `processes` maps slots to process ids, as they are now."""

    pulse: Pulse
    stall_seconds: float
    processes: Callable[[], Mapping[int, int]]
    waiting: Callable[[], int]
    end: Callable[[], None]
    _deaf_since: float | None = None
    _looked_at: float = field(default_factory=time.monotonic)
    _awake_since: float = 0.0

    def look(self) -> None:
        """Kill processes without progress; end the host if messages wait and none of its processes gets one."""
        now = time.monotonic()
        if now - self._looked_at > self.stall_seconds / 2:  # this host was frozen itself, and so were they
            self._awake_since = now
        self._looked_at = now
        processes = self.processes()
        beats = {slot: self.pulse.read(slot) for slot in processes}
        busy = {processes[slot]: b.since for slot, b in beats.items() if b.since and b.pid == processes[slot]}
        for pid, since in busy.items():
            if now - max(since, self._awake_since) > self.stall_seconds:
                log.error(
                    "process makes no progress and is replaced", process=pid, seconds=round(now - since)
                )
                os.kill(pid, signal.SIGKILL)
                REPLACED.inc()
        idle = bool(processes) and not busy  # a pool without processes of its own tells nothing
        self._listen(now, deaf=idle and not self.pulse.ending() and self._some_wait())

    def _some_wait(self) -> bool:
        try:
            return self.waiting() > 0
        except Exception:
            self._deaf_since = None  # nobody hears anything of a broker that is away
            raise

    def _listen(self, now: float, *, deaf: bool) -> None:
        if not deaf:
            self._deaf_since = None
        elif self._deaf_since is None:
            self._deaf_since = now
        elif now - self._deaf_since > self.stall_seconds:
            log.critical("messages wait and none arrives; this host ends, to be started again")
            self.end()


def end_host(pids: Iterable[int]) -> None:
    """End this process and its children at once. Raises nothing and does not return."""
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    os._exit(EXIT_STALLED)
