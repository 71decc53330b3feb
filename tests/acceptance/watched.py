"""What processes take: the peak of each in a tree, and which there were."""

from __future__ import annotations

import time
from pathlib import Path
from threading import Event, Thread
from types import TracebackType
from typing import Self


class Watched:
    """While the block lasts, `peaks` gathers the largest resident set of a process and all it started, bytes by pid.

    Those of the kernel's own count, so that what comes and goes between two looks is not missed.
    """

    def __init__(self, pid: int) -> None:
        self._root = pid
        self.peaks: dict[int, int] = {}
        self.parents: dict[int, int] = {}
        self._over = Event()
        self._thread = Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    @property
    def highest(self) -> int:
        return max(self.peaks.values())

    def children(self) -> set[int]:
        """Processes that the watched one started itself."""
        return {pid for pid, parent in self.parents.items() if parent == self._root}

    def _run(self) -> None:
        while not self._over.is_set():
            self._look()
            time.sleep(0.1)

    def _look(self) -> None:
        parents, peaks = {}, {}
        for path in Path("/proc").glob("[0-9]*/status"):
            try:
                said = dict(line.split(":", 1) for line in path.read_text().splitlines() if ":" in line)
                pid = int(path.parent.name)
                parents[pid] = int(said["PPid"])
                peaks[pid] = int(said["VmHWM"].split()[0]) * 1024
            except (OSError, KeyError):  # it has ended, or is the kernel's own
                continue
        for pid in peaks:
            if self._is_ours(pid, parents):
                self.parents[pid] = parents[pid]
                self.peaks[pid] = max(peaks[pid], self.peaks.get(pid, 0))

    def _is_ours(self, pid: int, parents: dict[int, int]) -> bool:
        while pid not in (0, 1, self._root):
            pid = parents.get(pid, 0)
        return pid == self._root
