"""Errands in queues, one for each host: so a slow host holds up no other, and none is asked by too many at once."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Protocol

from catalog.errors import HostUnavailable
from catalog.photo_urls.patience import Patience


@dataclass(frozen=True, slots=True)
class Later:
    """Run the errand again in `seconds`. With `trouble` its host is asked by one at a time for now; with `rest` by
    none until then."""

    seconds: float = 0.0
    trouble: bool = False
    rest: bool = False


class Errand(Protocol):
    """`host` may change from one run to the next. `run` returns what is wanted, of `size` bytes, or Later."""

    @property
    def host(self) -> str: ...

    @property
    def size(self) -> int: ...

    def run(self) -> Any: ...


@dataclass(slots=True)
class _Job:
    errand: Errand
    future: Future[Any] = field(default_factory=Future)


_Due = tuple[float, int, _Job]  # by when it is due, then by when it came


@dataclass(slots=True)
class _Host:
    """How one host bears it; times are of time.monotonic."""

    name: str
    most: int  # errands at once, for now
    running: int = 0
    failures: int = 0
    rests_until: float = 0.0
    alone_until: float = 0.0
    why: str = ""
    parked: list[_Due] = field(default_factory=list)  # a heap, as they came

    def failed(self, error: HostUnavailable, now: float, patience: Patience) -> None:
        """With one photo for good: after some in a row, or where it asks for that, it is left alone."""
        self.most = 1
        self.failures += 1
        alone = error.seconds
        if alone is None and self.failures >= patience.failures:
            alone = patience.alone
        if alone is not None:
            self.alone_until = now + alone
            self.why = f"{self.name} is left alone for now, after this: {error}"


class HostQueues:
    """Runs errands in `threads` threads, at most `per_host` at once for a host.

    None begins while results of more than `held_bytes` wait to be released.
    """

    def __init__(self, threads: int, per_host: int, patience: Patience, held_bytes: int) -> None:
        self._per_host, self._patience, self._held_bytes = per_host, patience, held_bytes
        self._due: list[_Due] = []
        self._numbers = itertools.count()
        self._hosts: dict[str, _Host] = {}
        self._sizes: dict[Future[Any], int] = {}
        self._held = 0
        self._closed = False
        self._changed = threading.Condition()
        self._threads = [
            threading.Thread(target=self._work, name="fetch", daemon=True) for _ in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, errand: Errand) -> Future[Any]:
        job = _Job(errand)
        with self._changed:
            self._push(time.monotonic(), job)
        return job.future

    def release(self, future: Future[Any]) -> None:
        """Its result is somebody else's now."""
        with self._changed:
            was_full = self._full
            self._held -= self._sizes.pop(future, 0)
            if was_full and not self._full:
                self._changed.notify_all()

    def close(self) -> None:
        """What has not begun is cancelled."""
        with self._changed:
            self._closed = True
            for _, _, job in (*self._due, *(due for host in self._hosts.values() for due in host.parked)):
                job.future.cancel()
            self._changed.notify_all()

    def join(self) -> None:
        """Wait for what is under way."""
        for thread in self._threads:
            thread.join()

    @property
    def _full(self) -> bool:
        return self._held > self._held_bytes

    def _push(self, at: float, job: _Job) -> None:
        heapq.heappush(self._due, (at, next(self._numbers), job))
        self._changed.notify()

    def _work(self) -> None:
        while (turn := self._wait()) is not None:
            host, job = turn
            result: Any = None
            failed: Exception | None = None
            try:
                result = job.errand.run()
            except Exception as error:  # noqa: BLE001 - whoever waits for it is told
                failed = error
            self._ended(host, job, result, failed)
            if failed is not None:
                job.future.set_exception(failed)
            elif not isinstance(result, Later):
                job.future.set_result(result)

    def _wait(self) -> tuple[_Host, _Job] | None:
        with self._changed:
            while not self._closed:
                if not self._full and (turn := self._next(time.monotonic())) is not None:
                    return turn
                known = self._due and not self._full  # when something is due
                self._changed.wait(max(0.0, self._due[0][0] - time.monotonic()) if known else None)
        return None

    def _next(self, now: float) -> tuple[_Host, _Job] | None:
        """The errand that waits longest, of a host that may be asked."""
        while self._due and self._due[0][0] <= now:
            due = heapq.heappop(self._due)
            job = due[2]
            name = job.errand.host
            host = self._hosts.setdefault(name, _Host(name, self._per_host))
            if host.alone_until > now:
                for _, _, waiting in (due, *host.parked):
                    waiting.future.set_exception(HostUnavailable(host.why))
                host.parked.clear()
            elif host.rests_until > now:
                self._push(host.rests_until, job)
            elif host.running >= host.most:
                heapq.heappush(host.parked, due)
            else:
                host.running += 1
                return host, job
        return None

    def _ended(self, host: _Host, job: _Job, result: Any, failed: Exception | None) -> None:
        now = time.monotonic()
        with self._changed:
            host.running -= 1
            if isinstance(result, Later):
                self._postpone(host, job, result, now)
            elif isinstance(failed, HostUnavailable):
                host.failed(failed, now, self._patience)
            else:
                host.failures, host.most = 0, min(host.most + 1, self._per_host)
                if failed is None:
                    self._sizes[job.future] = job.errand.size
                    self._held += job.errand.size
            for _ in range(min(len(host.parked), host.most - host.running)):
                heapq.heappush(self._due, heapq.heappop(host.parked))
                self._changed.notify()
            if host == _Host(host.name, self._per_host):  # nothing to remember
                self._hosts.pop(host.name, None)

    def _postpone(self, host: _Host, job: _Job, later: Later, now: float) -> None:
        if self._closed:
            job.future.cancel()
            return
        if later.trouble:
            host.most = 1
        if later.rest:
            host.rests_until = now + later.seconds
        self._push(now + later.seconds, job)
