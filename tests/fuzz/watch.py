"""One case at a time: its time and its memory are bounded, and what ends the process is found in a file afterwards."""

from __future__ import annotations

import faulthandler
import hashlib
import mmap
import os
import resource
import signal
import struct
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.fuzz.target import Target

SECONDS = 5.0
"""Of the processor, for a case."""
MEMORY = 128 << 20
"""Bytes that a case may take besides what is there: targets allow photos of a megapixel and tables of a megabyte."""
PROCESS = 1_500_000_000
"""Bytes of a whole process, whatever it did before."""
LONGEST = 4 << 20
FINDING = "finding: "
FOUND = 3
"""How a child ends that found something and went on; 1 is Python's own, where the child itself is broken."""

_HEAD = struct.Struct("<QQ")  # cases begun, length of the one at hand
_ROOT = str(Path(__file__).parents[2])


class Watch:
    """Hands cases to a target. `hand` is the file that holds the case at hand, for whoever outlives this process."""

    def __init__(self, target: Target, folder: Path, hand: Path) -> None:
        self._target = target
        self._folder = folder
        self._known: set[str] = set()
        self.cases = 0
        self.found = 0
        with hand.open("wb+") as file:
            file.truncate(_HEAD.size + LONGEST)
            self._hand = mmap.mmap(file.fileno(), 0)
        self._status = os.open("/proc/self/status", os.O_RDONLY)
        self._peak = os.open("/proc/self/clear_refs", os.O_WRONLY)
        self._resident = self._memory()[1]
        faulthandler.enable()
        faulthandler.register(signal.SIGPROF, chain=True)  # its default ends the process: that is a hang
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_DATA, (4 << 30, 4 << 30))  # whatever happens, the machine lives

    def run(self, data: bytes) -> None:
        """One case; what it breaks is kept and said."""
        data = data[:LONGEST]
        self.cases += 1
        self._hand[: _HEAD.size + len(data)] = _HEAD.pack(self.cases, len(data)) + data
        before = self._resident
        os.pwrite(self._peak, b"5", 0)
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        try:
            self._target.check(data)
        except Exception as error:  # noqa: BLE001
            self._keep(data, "error", _place(error), "".join(traceback.format_exception(error)))
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        peak, self._resident = self._memory()
        if peak - before > MEMORY or peak > PROCESS:
            self._keep(data, "memory", "", f"it took {peak - before:,} bytes besides {before:,}\n")

    def _memory(self) -> tuple[int, int]:
        """Bytes resident: at most since the case began, and now."""
        status = os.pread(self._status, 4096, 0)
        peak, now = (
            int(status[status.index(name) + 6 :].split(None, 1)[0]) for name in (b"VmHWM:", b"VmRSS:")
        )
        return peak << 10, now << 10

    def _keep(self, data: bytes, what: str, place: str, said: str) -> None:
        """Of what breaks in the same way at the same place the first is kept, and the process goes on."""
        self.found += 1
        if what + place in self._known:
            return
        self._known.add(what + place)
        path = keep(self._folder, self._target.name, what, data)
        print(f"{FINDING}{path}\n{said}end of finding", file=sys.stderr, flush=True)


def keep(folder: Path, target: str, what: str, data: bytes) -> Path:
    """The file of a finding: `TARGET.WHAT.HASH`."""
    path = folder / f"{target}.{what}.{hashlib.sha256(data).hexdigest()[:10]}"
    path.write_bytes(data)
    return path


def at_hand(hand: Path) -> tuple[int, bytes]:
    """How many cases a child began, and the last of them."""
    if not hand.exists():
        return 0, b""
    with hand.open("rb") as file:
        head = file.read(_HEAD.size)
        if len(head) < _HEAD.size:
            return 0, b""
        cases, length = _HEAD.unpack(head)
        return cases, file.read(length)


@contextmanager
def quiet() -> Iterator[None]:
    """Without what libraries print of damaged files."""
    import logging
    import warnings

    logging.disable()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _place(error: BaseException) -> str:
    """Kind of error, and the innermost line of this project that it passed."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename.startswith(_ROOT)]
    ours = [f for f in frames if "/tests/" not in f.filename and "/.venv/" not in f.filename] or frames
    return f"{type(error).__name__} {ours[-1].filename}:{ours[-1].lineno}" if ours else type(error).__name__
