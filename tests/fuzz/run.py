"""Divides the time: each lane goes through all targets, one guided by coverage, the other mutating; then it is told."""

from __future__ import annotations

import importlib.util
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from tests.fuzz.targets import SHARES
from tests.fuzz.watch import FINDING, FOUND, at_hand, keep

ROOT = Path(__file__).parents[2]
STALLED = 120.0
"""Seconds by the clock without a case: it waits for something, which the watch on the processor's time does not see."""
GRACE = 60.0
TOLD_EVERY = 10.0
_COVERAGE = re.compile(rb" cov: (\d+) ")


@dataclass
class Part:
    """A target in a lane, and what became of it."""

    target: str
    kind: str
    seconds: float
    cases: int = 0
    coverage: int = 0
    spent: float = 0.0

    @property
    def line(self) -> str:
        covered = f", coverage {self.coverage:,}" if self.coverage else ""
        rate = self.cases / self.spent if self.spent else 0
        return f"{self.target:<9} {self.kind:<7} {self.cases:>9,} cases {rate:>6,.0f}/s{covered}"


@dataclass
class Run:
    """All lanes, side by side, for `seconds`. `folder` takes what is found."""

    seconds: float
    seed: int
    folder: Path
    targets: tuple[str, ...] = tuple(SHARES)
    done: list[Part] = field(default_factory=list)
    at_work: dict[int, Part] = field(default_factory=dict)
    found: set[str] = field(default_factory=set)

    def go(self) -> bool:
        """Whether nothing was found."""
        self.folder.mkdir(exist_ok=True, parents=True)
        lanes = [threading.Thread(target=self._lane, args=(k,)) for k in range(max(2, os.cpu_count() or 2))]
        begun = time.monotonic()
        for lane in lanes:
            lane.start()
        while any(lane.is_alive() for lane in lanes):
            time.sleep(min(TOLD_EVERY, 0.1 + self.seconds / 10))
            now = " | ".join(part.line for _, part in sorted(self.at_work.items()))
            print(f"{time.monotonic() - begun:5.0f} s  {now}", flush=True)
        for hand in self.folder.glob("hand-*"):
            hand.unlink()
        return self._tell()

    def _lane(self, number: int) -> None:
        guided = number % 2 == 0 and importlib.util.find_spec("atheris") is not None
        whole = sum(SHARES[name] for name in self.targets)
        first = number * 4 % len(self.targets)
        for name in (*self.targets[first:], *self.targets[:first]):
            part = Part(name, "guided" if guided else "mutated", self.seconds * SHARES[name] / whole)
            self.at_work[number] = part
            self._part(part, number)
            self.done.append(part)
        del self.at_work[number]

    def _part(self, part: Part, lane: int) -> None:
        """Children one after another: what ends one leaves the rest of the time to the next."""
        hand = self.folder / f"hand-{lane}"
        begun, attempt = time.monotonic(), 0
        while (left := part.seconds - (time.monotonic() - begun)) > 0.5 and attempt < 20:
            seed = self.seed + 1_000 * lane + 100_000 * attempt
            before, code = part.cases, self._child(part, left, seed, hand)
            part.spent = time.monotonic() - begun
            if code in (0, FOUND):
                return
            what = {-signal.SIGPROF: "hang", -signal.SIGKILL: "stall"}.get(code, "crash")
            path = keep(self.folder, part.target, what, at_hand(hand)[1])
            self.found.add(str(path))
            print(f"{path}\nthe process ended with {code}, after {part.cases - before:,} cases", flush=True)
            attempt += 1

    def _child(self, part: Part, seconds: float, seed: int, hand: Path) -> int:
        hand.unlink(missing_ok=True)
        argv = [sys.executable, "-m", f"tests.fuzz.{part.kind}", part.target]
        argv += [f"--seconds={seconds}", f"--seed={seed}", f"--folder={self.folder}", f"--hand={hand}"]
        child = subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        assert child.stderr is not None
        listener = threading.Thread(target=self._listen, args=(part, child.stderr))
        listener.start()
        before, begun, last, moved = part.cases, time.monotonic(), 0, time.monotonic()
        while (code := child.poll()) is None:
            time.sleep(0.1)
            cases = at_hand(hand)[0]
            part.cases, part.spent = before + cases, part.spent + 0.1
            now = time.monotonic()
            last, moved = (cases, now) if cases != last else (last, moved)
            if now - moved > STALLED or now - begun > seconds + GRACE + STALLED:
                child.kill()
        listener.join()
        return code

    def _listen(self, part: Part, said: IO[bytes]) -> None:
        """What a child says: coverage as numbers, findings as they are; the rest is libFuzzer's and libtiff's talk."""
        with said:
            for line in _findings(part, said):
                if line.startswith(FINDING):
                    self.found.add(line.removeprefix(FINDING).strip())
                print(line, end="", flush=True)

    def _tell(self) -> bool:
        for part in sorted(self.done, key=lambda part: (self.targets.index(part.target), part.kind)):
            print(part.line)
        cases = sum(part.cases for part in self.done)
        print(f"{cases:,} cases, {len(self.found)} findings")
        for path in sorted(self.found):
            print(f"{path}: {sys.executable} -m tests.fuzz.again {path}")
        return not self.found


def _findings(part: Part, said: IO[bytes]) -> Iterator[str]:
    telling = False
    for line in said:
        if numbers := _COVERAGE.search(line):
            part.coverage = max(part.coverage, int(numbers[1]))
            telling = False
        elif line.startswith((FINDING.encode(), b"Fatal Python error", b"Traceback")):
            telling = True
        elif line.startswith(b"end of finding"):
            telling = False
        if telling:
            yield line.decode(errors="replace")
