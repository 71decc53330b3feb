"""Real worker processes for the demo: the same command that anyone would type, watched from outside."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from catalog.errors import CatalogError

# -P: a folder `workers` where the user happens to stand is not ours.
COMMAND = (sys.executable, "-P", "-m", "workers.cli", "worker", "--drain")
_TAIL_LINES = 15
_EXITS_BY_ITSELF = 20.0  # seconds a drained worker is given
_EXITS_WHEN_ASKED = 40.0


class WorkerDied(CatalogError):
    """Read the end of the worker's log, mend what it names, and start again: finished photos stay finished."""


class Worker:
    """`tagmill worker --drain` in a process group of its own; it does not outlive the `with` block."""

    def __init__(self, log: Path, command: Sequence[str] = COMMAND) -> None:
        self.log = log
        self._command = tuple(command)
        self.starts = 0
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def ensure_running(self) -> None:
        """Start it, or start it again after it was drained. Raises WorkerDied when it failed."""
        if self.running:
            return
        if self._process is not None and (code := self._process.returncode):
            raise WorkerDied(
                f"the worker ended with exit code {code}. The end of {self.log}:\n{self._tail()}"
            )
        if self.starts >= 5:
            raise WorkerDied(f"the worker ended {self.starts} times with work left over, see {self.log}")
        self.starts += 1
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait for a drained worker; after an error, ask it to stop, and insist if it does not."""
        process = self._process
        if process is None:
            return
        if kind is None and _ended(process, _EXITS_BY_ITSELF):
            return
        process.terminate()
        _ended(process, _EXITS_WHEN_ASKED)
        with contextlib.suppress(ProcessLookupError):  # children of a worker that was killed live on
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def _tail(self) -> str:
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(lines[-_TAIL_LINES:])


def _ended(process: subprocess.Popen[bytes], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    return process.poll() is not None
