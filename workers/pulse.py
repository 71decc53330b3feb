"""How a worker process tells its host that it still gets on, and the host its processes that it ends.

A small file that all of them map: a flag, and a time for each process. A heartbeat only says that a process lives;
one whose network hangs would keep its lease for ever.
"""

from __future__ import annotations

import mmap
import os
import struct
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

PULSE_FILE = "TAGMILL_PULSE"  # set by a host for its own processes
SLOTS = 1024
_ENDING = struct.Struct("=q")  # at the start of the file: 1 when the host ends
_SLOT = struct.Struct("=qd")  # process id, monotonic time of its last progress; 0 while it has nothing to do


class Progress(Protocol):
    """Says that work gets on; what comes now may take `allow` seconds longer than a usual step."""

    def __call__(self, allow: float = 0.0) -> None: ...


def no_progress(allow: float = 0.0) -> None:
    """For whom nobody watches."""


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
    def create(cls) -> Pulse:
        """A new file, for a host that is about to start its processes, forked or spawned."""
        with tempfile.NamedTemporaryFile(prefix="tagmill-pulse-", delete=False) as file:
            file.truncate(_place(SLOTS))
        os.environ[PULSE_FILE] = file.name
        return cls(Path(file.name))

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


class OwnPulse:
    """The slot of this process. Without a host that looks, it does nothing."""

    def __init__(self, slot: int) -> None:
        path = os.environ.get(PULSE_FILE)
        self._pulse = Pulse(Path(path)) if path else None
        self._slot = slot
        self._pid = os.getpid()

    def progress(self, allow: float = 0.0) -> None:
        """This process has got on with its work just now; see `Progress`. May be called from any thread."""
        self._write(time.monotonic() + allow)

    def ending(self) -> bool:
        """Whether the host ends and waits for this process."""
        return self._pulse is not None and self._pulse.ending()

    @contextmanager
    def busy(self) -> Iterator[None]:
        """In this block the process has something to get on with."""
        self.progress()
        try:
            yield
        finally:
            self._write(None)

    def _write(self, since: float | None) -> None:
        if self._pulse is not None:
            self._pulse.write(self._slot, Beat(self._pid, since))
