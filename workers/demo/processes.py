"""Real worker processes for the demo: the same command that anyone would type, watched from outside."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from catalog.errors import CatalogError

_TAIL_LINES = 15
_EXITS_BY_ITSELF = 20.0  # seconds a drained worker is given
_EXITS_WHEN_ASKED = 40.0


class WorkerDied(CatalogError):
    """Read the end of the worker's log, mend what it names, and start again: finished photos stay finished."""


class Worker:
    """`tagmill worker --drain` in a process group of its own; it does not outlive the `with` block."""

    def __init__(self, log: Path) -> None:
        self.log = log
        self.starts = 0
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def ensure_running(self) -> None:
        """Start it, or start it again after it was drained. Raises WorkerDied when it failed."""
        code = None if self._process is None else self._process.poll()
        if self._process is not None and code is None:
            return
        if code:
            raise WorkerDied(
                f"the worker ended with exit code {code}. The end of {self.log}:\n{self._tail()}"
            )
        if self.starts >= 5:
            raise WorkerDied(f"the worker ended {self.starts} times with work left over, see {self.log}")
        self.starts += 1
        self.log.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "workers.cli", "worker", "--drain"]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
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
        if not _ended(process, _EXITS_WHEN_ASKED):
            with contextlib.suppress(ProcessLookupError):
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
