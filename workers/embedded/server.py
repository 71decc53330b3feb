"""What `services` needs to know of a server; `postgres`, `redis` and `s3` each have one."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from workers.embedded.process import Command


class Server(Protocol):
    """One server on one port. Methods raise `ServiceError`."""

    @property
    def name(self) -> str: ...

    @property
    def base_port(self) -> int:
        """Where the search for a free port begins."""
        ...

    @property
    def ready_seconds(self) -> float:
        """How long a start may take."""
        ...

    @property
    def stop_signals(self) -> Sequence[tuple[signal.Signals, float]]:
        """What stops it: signals in turn, each with the seconds it may take."""
        ...

    def program(self) -> Path:
        """The server's program; raises when it is not installed."""
        ...

    def prepare(self) -> None:
        """Makes the data folder, and clears away what a killed server left behind. No server is running."""
        ...

    def command(self, port: int) -> Command:
        """How to start it."""
        ...

    def is_ready(self, port: int) -> bool:
        """True when it answers to our password."""
        ...

    def finish(self, port: int) -> None:
        """What is left to do once it answers, safe to do again."""
        ...

    def url(self, port: int, *, secret: bool) -> str:
        """Where it listens, with or without the password."""
        ...
