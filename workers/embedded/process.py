"""A server as a process: start it detached, recognise it later, stop it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from workers.embedded import launcher
from workers.embedded.account import Account
from workers.embedded.errors import ServerExitedError, ServiceError

_LOG_LIMIT = 20_000_000
_STRANGER_SECONDS = 2.0
_TAIL_LINES = 15


@dataclass(frozen=True, slots=True)
class Command:
    """What to run. `needs` are the paths besides `cwd` that the account has to reach."""

    argv: Sequence[str]
    cwd: Path
    account: Account
    env: Mapping[str, str] = field(default_factory=dict)
    needs: Sequence[Path] = ()


@dataclass(frozen=True, slots=True)
class ServerProcess:
    """One server: `record` remembers its pid and identity, `log` collects what it prints."""

    name: str
    record: Path
    log: Path

    def pid(self) -> int | None:
        """The pid while the server runs, else None: no recycled pid, no zombie."""
        try:
            stored = json.loads(self.record.read_text(encoding="utf-8"))
            pid, known = int(stored["pid"]), str(stored["identity"])
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None
        return pid if launcher.identity(pid) == known else None

    def start(self, command: Command) -> None:
        """Starts the server detached from this process. Raises `ServiceError` when that is not possible."""
        if self.log.exists() and self.log.stat().st_size > _LOG_LIMIT:
            self.log.replace(self.log.with_suffix(".log.1"))
        self.record.unlink(missing_ok=True)
        result = _launch(command, self.log, self.record)
        deadline = time.monotonic() + 10
        while not self.record.exists():
            if result.returncode != 0 or time.monotonic() > deadline:
                raise ServiceError(
                    f"{self.name} could not be launched: {result.stderr.strip()}. Log: {self.log}"
                )
            time.sleep(0.005)

    def wait_ready(self, ready: Callable[[], bool], seconds: float, log_from: int = 0) -> None:
        """Returns once `ready()` holds. Raises `ServerExitedError` or, after `seconds`, `ServiceError`."""
        deadline = time.monotonic() + seconds
        pause = 0.01
        while not self._answers(ready, log_from):
            if self.pid() is None:
                raise ServerExitedError(f"{self.name} ended as it was started.\n{self.tail(log_from)}")
            if time.monotonic() > deadline:
                raise ServiceError(
                    f"{self.name} runs (pid {self.pid()}) but did not answer within {seconds:.0f} s. "
                    f"Try `tagmill down`, then `tagmill up`.\n{self.tail(log_from)}"
                )
            time.sleep(pause)
            pause = min(pause * 1.5, 0.1)

    def _answers(self, ready: Callable[[], bool], log_from: int) -> bool:
        """`ready()`; where a stranger's server answered on the port, ours is just ending for want of it."""
        try:
            return ready()
        except ServiceError:
            if self._gone_within(_STRANGER_SECONDS):
                raise ServerExitedError(
                    f"{self.name} ended as it was started.\n{self.tail(log_from)}"
                ) from None
            raise

    def stop(self, signals: Sequence[tuple[signal.Signals, float]]) -> bool:
        """Sends each signal in turn, waiting up to its seconds. False when nothing ran.

        Raises `ServiceError` when the process outlives them all.
        """
        pid = self.pid()
        if pid is None:
            self.record.unlink(missing_ok=True)
            return False
        for number, seconds in signals:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                break
            except PermissionError as error:
                raise ServiceError(
                    f"{self.name} (pid {pid}) belongs to another user. Run as that user."
                ) from error
            if self._gone_within(seconds):
                break
        if self.pid() is not None:
            raise ServiceError(
                f"{self.name} (pid {pid}) does not end, not even when killed. Is its disk hanging?"
            )
        self.record.unlink(missing_ok=True)
        return True

    def log_size(self) -> int:
        return self.log.stat().st_size if self.log.exists() else 0

    def tail(self, log_from: int = 0) -> str:
        """The last lines of the log since `log_from` bytes, and where the rest is."""
        try:
            with self.log.open("rb") as file:
                file.seek(max(log_from, self.log.stat().st_size - 20_000))
                lines = file.read().decode("utf-8", errors="replace").splitlines()
        except OSError:
            lines = []
        remedy = ""
        if any("No space left on device" in line for line in lines):
            remedy = "The disk is full: free some space and try again.\n"
        shown = "\n".join(f"  {line}" for line in lines[-_TAIL_LINES:])
        return f"{remedy}{shown}\n  (log: {self.log})"

    def _gone_within(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while self.pid() is not None:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        return True


def run(command: Command, log: Path) -> int:
    """Runs a short program in the foreground, as the account, output to the log. Returns its exit code."""
    return _launch(command, log, None).returncode


def _launch(command: Command, log: Path, record: Path | None) -> subprocess.CompletedProcess[str]:
    lent = os.geteuid() == 0 and command.account.uid != 0
    order = {
        "argv": list(command.argv),
        "cwd": str(command.cwd),
        "env": {
            "PATH": os.defpath,
            "HOME": str(command.cwd),
            "LC_ALL": "C.UTF-8",
            "TZ": "UTC",
            **command.env,
        },
        "log": str(log),
        "record": None if record is None else str(record),
        "uid": command.account.uid if lent else None,
        "gid": command.account.gid if lent else None,
        "reach": lent and not command.account.reaches([Path(command.argv[0]), command.cwd, *command.needs]),
    }
    # The order goes in on standard input, since everybody may read the arguments of a process.
    return subprocess.run(
        [sys.executable, "-I", "-S", launcher.__file__],
        input=json.dumps(order),
        text=True,
        capture_output=True,
        check=False,
    )
