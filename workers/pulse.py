"""How a worker process tells its host that it still gets on, and the host its processes that it ends.

A small file that all of them map: a flag, and a time for each process. A heartbeat only says that a process lives;
one whose network hangs would keep its lease for ever.
"""

from __future__ import annotations

import mmap
import os
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import structlog

log = structlog.get_logger()

PULSE_FILE = "TAGMILL_PULSE"  # set by a host for its own processes
SLOTS = 1024
_ENDING = struct.Struct("=q")  # at the start of the file: 1 when the host ends
_SLOT = struct.Struct("=qd")  # process id, monotonic time of its last progress; 0 while it has nothing to do


class LifeSign(Protocol):
    """What work says of itself to whoever watches. From any thread."""

    def progress(self) -> None:
        """It has got on just now."""

    def slowly(self, seconds: float) -> AbstractContextManager[None]:
        """What the block does may take so much longer than a usual step."""

    def busy(self) -> AbstractContextManager[None]:
        """In this block the process has something to get on with."""

    def ending(self) -> bool:
        """Whether the host ends and waits for this process."""


class Unwatched:
    """The life sign where nobody looks."""

    def progress(self) -> None: ...

    def busy(self) -> AbstractContextManager[None]:
        return nullcontext()

    def slowly(self, seconds: float) -> AbstractContextManager[None]:  # noqa: ARG002
        return nullcontext()

    def ending(self) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class Beat:
    """What a process last said; `since` is None while it is idle, else a time of `time.monotonic`."""

    pid: int
    since: float | None


class Pulse:
    """One slot a process, written by that process alone and read by its host."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), 0)

    @classmethod
    def create(cls, folder: Path) -> Pulse:
        """A new file in `folder`, for a host that is about to start its processes, forked or spawned."""
        folder.mkdir(parents=True, exist_ok=True)
        ours = f"{socket.gethostname()}-"  # other machines, or containers, may share the folder
        for old in folder.glob(f"{ours}*"):
            if not is_alive(int(old.name.removeprefix(ours))):
                old.unlink(missing_ok=True)
        path = folder / f"{ours}{os.getpid()}"
        path.write_bytes(bytes(_place(SLOTS)))
        os.environ[PULSE_FILE] = str(path)
        return cls(path)

    def end(self) -> None:
        """Ask the processes to give back what they have not begun."""
        _ENDING.pack_into(self._map, 0, 1)

    def ending(self) -> bool:
        return bool(_ENDING.unpack_from(self._map, 0)[0])

    def write(self, slot: int, beat: Beat) -> None:
        _SLOT.pack_into(self._map, _place(slot), beat.pid, beat.since or 0.0)

    def read(self, slot: int) -> Beat:
        pid, since = _SLOT.unpack_from(self._map, _place(slot))
        return Beat(pid, since or None)

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)


def _place(slot: int) -> int:
    return _ENDING.size + slot * _SLOT.size


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError as error:
        return not isinstance(error, ProcessLookupError)
    return True


class OwnPulse:
    """The life sign of this process, in its own slot."""

    def __init__(self, pulse: Pulse, slot: int) -> None:
        self._pulse = pulse
        self._slot = slot
        self._pid = os.getpid()
        self._busy = False
        self._allowance = 0.0
        self._lock = threading.Lock()

    def progress(self) -> None:
        """Nothing outside `busy`: a thread that a chunk left behind must not make an idle process look hung."""
        with self._lock:
            if self._busy:
                self._write(time.monotonic() + self._allowance)

    @contextmanager
    def slowly(self, seconds: float) -> Iterator[None]:
        self._allowance = seconds
        self.progress()
        try:
            yield
        finally:
            self._allowance = 0.0
            self.progress()

    def ending(self) -> bool:
        return self._pulse.ending()

    @contextmanager
    def busy(self) -> Iterator[None]:
        self._busy = True
        self.progress()
        try:
            yield
        finally:
            with self._lock:
                self._busy = False
                self._write(None)

    def _write(self, since: float | None) -> None:
        self._pulse.write(self._slot, Beat(self._pid, since))


def own_pulse(slot: int) -> LifeSign:
    """Of this process, which is the host's number `slot`."""
    path = os.environ.get(PULSE_FILE)
    if path is None:
        return Unwatched()
    try:
        return OwnPulse(Pulse(Path(path)), slot)
    except OSError as error:  # better unwatched than useless
        log.error("this process is not watched", file=path, error=str(error))
        return Unwatched()
