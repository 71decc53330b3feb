"""Whoever watches a run: a terminal, a log, or nobody."""

from __future__ import annotations

from typing import Protocol

from models.training.prepare import Prepared

Epoch = dict[str, float]
"""What is kept of an epoch: epoch, loss, metric, rate, images_per_second, waiting (share of the time), seconds."""


class Told(Protocol):
    """What a run tells while it goes on; nothing is to be raised."""

    def looking(self, done: int, total: int) -> None:
        """Photos that were looked at before anything is learnt."""

    def prepared(self, data: Prepared, resumed: int) -> None:
        """What will be learnt from; `resumed` epochs were done by an earlier process."""

    def step(self, epoch: int, step: int, steps: int, loss: float, images_per_second: float) -> None:
        """The mean loss of the epoch's first `step` steps; epochs count from 0."""

    def measuring(self, what: str, done: int, total: int) -> None:
        """Photos that were measured on."""

    def epoch(self, found: Epoch, best: bool) -> None:
        """An epoch has ended, its checkpoint is written."""


class Silence:
    """Nobody watches."""

    def looking(self, done: int, total: int) -> None: ...

    def prepared(self, data: Prepared, resumed: int) -> None: ...

    def step(self, epoch: int, step: int, steps: int, loss: float, images_per_second: float) -> None: ...

    def measuring(self, what: str, done: int, total: int) -> None: ...

    def epoch(self, found: Epoch, best: bool) -> None: ...
