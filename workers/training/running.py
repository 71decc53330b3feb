"""`tagmill train` as a process of its own: what it prints is kept, and it can be stopped and gone on with."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from models.errors import TrainingError
from workers.cli.console import OUTAGE
from workers.due import Killed, Stopped

# -P: a folder `workers` where the trainer happens to stand is not ours.
COMMAND = (sys.executable, "-P", "-m", "workers.training.leash")
LOOK_SECONDS = 1.0
PATIENCE_SECONDS = 60.0
_STOPPED = 130  # as `tagmill train` ends after Ctrl-C
_TAIL = 2_000


def train(arguments: Sequence[str], log: Path, ending: Callable[[], bool]) -> dict[str, Any]:
    """Run it to its end; returns the document of `--json`. Standard error goes to `log`.

    Raises:
        Stopped: `ending()`, a service is away, or something killed the process alone, such as want of memory; the run
            is as it was after its last whole epoch.
        TrainingError: it fails; with what it said last.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as errors:
        process = subprocess.Popen(
            [*COMMAND, str(os.getpid()), "train", *arguments, "--json"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,  # Ctrl-C at the trainer reaches it once, through `ending`
        )
        try:
            said = _wait(process, ending)
        finally:
            process.kill()
            process.wait()
    if process.returncode == _STOPPED:
        raise Stopped("it was asked to stop")
    if process.returncode == OUTAGE:
        raise Stopped(f"a service is away: {_last_words(log)}")
    if process.returncode < 0:
        raise Killed(f"signal {-process.returncode} killed it: {_last_words(log)}")
    if process.returncode:
        raise TrainingError(f"training ended with code {process.returncode}: {_last_words(log)}")
    return _document(said)


def _wait(process: subprocess.Popen[bytes], ending: Callable[[], bool]) -> bytes:
    while True:
        try:
            return process.communicate(timeout=LOOK_SECONDS)[0]
        except subprocess.TimeoutExpired:
            if ending():
                break
    process.send_signal(signal.SIGINT)
    try:
        process.communicate(timeout=PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
    raise Stopped("it was asked to stop")


def _last_words(log: Path) -> str:
    text = log.read_bytes()[-_TAIL:].decode(errors="replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return f"{lines[-1]} (see {log})" if lines else f"it said nothing, see {log}"


def _document(said: bytes) -> dict[str, Any]:
    try:
        found = json.loads(said)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
