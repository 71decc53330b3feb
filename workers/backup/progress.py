"""How a backup or a restore tells where it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from workers.backup.objects import Listed
from workers.backup.transfer import Moved


class Listener(Protocol):
    """Told of each step as it begins and moves on, and of each object that is not there."""

    def step(self, name: str, total: int | None = None) -> None:
        """A step begins; `total` objects, None where there is nothing to count."""

    def advance(self, count: int) -> None:
        """So many objects more."""

    def missing(self, listed: Listed) -> None:
        """An object is not there, or not whole."""


@dataclass(frozen=True, slots=True)
class Silence:
    """A listener that says nothing."""

    def step(self, name: str, total: int | None = None) -> None: ...
    def advance(self, count: int) -> None: ...
    def missing(self, listed: Listed) -> None: ...


def tell(listener: Listener, moved: Moved) -> None:
    """Pass on what `transfer` reports."""
    listener.advance(len(moved))
    for listed, fate in moved:
        if fate == "missing":
            listener.missing(listed)
