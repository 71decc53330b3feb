"""What a run of the harness has done and found, over all scenarios."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from tests.chaos.oracle import Verdict


@dataclass
class Tally:
    """Sums; `recovery` is the slowest of all scenarios, with the name of its own."""

    faults: Counter[str] = field(default_factory=Counter)
    photos: int = 0
    lost: int = 0
    doubled: int = 0
    quarantined: int = 0
    recovery: float = 0.0
    slowest: str = "-"

    def add(self, verdict: Verdict) -> None:
        self.photos += verdict.photos
        self.lost += len(verdict.lost)
        self.doubled += len(verdict.doubled)
        self.quarantined += sum(verdict.quarantined.values())

    def recovered(self, scenario: str, seconds: float) -> None:
        if seconds > self.recovery:
            self.recovery, self.slowest = seconds, scenario

    def line(self) -> str:
        return (
            f"faults {sum(self.faults.values())} · photos {self.photos} · lost {self.lost} · "
            f"doubled {self.doubled} · quarantined {self.quarantined} · slowest recovery {self.recovery:.0f} s"
        )
