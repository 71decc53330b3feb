"""Processes that are warm before the clock starts, and end with the run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

FOLDER = "PEERS_WARM"
WARM_SECONDS = 600.0
GRACE = 15.0


def warm() -> None:
    """Called by a worker that has its model, has run it once, and has its connections."""
    path = Path(os.environ[FOLDER], str(os.getpid()))
    path.with_suffix(".new").write_text(repr(time.time()), encoding="utf-8")
    path.with_suffix(".new").rename(path)


def warm_since() -> list[float]:
    """When each warm worker became so."""
    folder = Path(os.environ[FOLDER])
    return [float(path.read_text(encoding="utf-8")) for path in folder.iterdir() if not path.suffix]


@contextmanager
def warm_folder() -> Iterator[None]:
    """The folder in which workers tell that they are warm; in the environment, so that they inherit it."""
    with tempfile.TemporaryDirectory(prefix="peers-") as folder:
        os.environ[FOLDER] = folder
        yield


def wait_warm(count: int, alive: Callable[[], bool]) -> None:
    """Until so many workers are warm. Raises RuntimeError where they die or take too long."""
    deadline = time.monotonic() + WARM_SECONDS
    while len(warm_since()) < count:
        if not alive() or time.monotonic() > deadline:
            raise RuntimeError("the workers did not get warm; see their log above")
        time.sleep(0.05)


@contextmanager
def running(command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    """A program in a process group of its own, which is ended with the block. It writes to standard error."""
    process = subprocess.Popen(command, stdout=sys.stderr.fileno(), start_new_session=True)
    try:
        yield process
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(GRACE)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def end_on_signals() -> None:
    """SIGTERM raises SystemExit, so that what was started is ended."""

    def leave(number: int, frame: object) -> NoReturn:
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, leave)
