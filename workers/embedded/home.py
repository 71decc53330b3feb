"""The one folder that holds everything of the embedded services.

state.json      ports and passwords, mode 600
services.env    the same as `TAGMILL_*` settings, mode 600
postgres/ redis/ s3/   one data folder a server
logs/  run/     log files; process records and the lock
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from workers.embedded.errors import ServiceError

DEFAULT_HOME = ".tagmill"


@dataclass(frozen=True, slots=True)
class Home:
    """Paths below the data folder; `root` is absolute."""

    root: Path

    @classmethod
    def at(cls, root: str | os.PathLike[str] | None = None) -> Home:
        """The folder given, else `$TAGMILL_HOME`, else `./.tagmill`."""
        chosen = Path(root or os.environ.get("TAGMILL_HOME") or DEFAULT_HOME)
        return cls(chosen.expanduser().absolute())

    @property
    def state_file(self) -> Path:
        return self.root / "state.json"

    @property
    def env_file(self) -> Path:
        return self.root / "services.env"

    def data(self, service: str) -> Path:
        return self.root / service

    def log(self, service: str) -> Path:
        return self.root / "logs" / f"{service}.log"

    def record(self, service: str) -> Path:
        """Where the process of a service is remembered."""
        return self.root / "run" / f"{service}.json"

    def prepare(self) -> None:
        """Creates the folders. Raises `ServiceError` when they cannot be written."""
        try:
            for folder in (self.root, self.root / "logs", self.root / "run"):
                folder.mkdir(parents=True, exist_ok=True)
            # Passwords and photos must never end up in somebody's commit.
            ignore = self.root / ".gitignore"
            if not ignore.exists():
                ignore.write_text("*\n")
        except OSError as error:
            raise ServiceError(
                f"The data folder {self.root} cannot be written ({error.strerror}). "
                "Run as the user who owns it, or set TAGMILL_HOME to another folder."
            ) from error

    @contextlib.contextmanager
    def lock(self, seconds: float = 180.0) -> Iterator[None]:
        """Only one `up` or `down` at a time; the lock goes away with the process that holds it."""
        path = self.root / "run" / "lock"
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise ServiceError(
                f"The lock {path} cannot be opened ({error.strerror}). "
                "Run as the user who owns the folder, or set TAGMILL_HOME to another folder."
            ) from error
        try:
            deadline = time.monotonic() + seconds
            while not _try_lock(descriptor):
                if time.monotonic() > deadline:
                    raise ServiceError(
                        f"Another `tagmill up` or `tagmill down` has held {path} for {seconds:.0f} s. "
                        "Wait for it, or end that process, and try again."
                    )
                time.sleep(0.05)
            yield
        finally:
            os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def write_private(path: Path, text: str) -> None:
    """Replaces a file in one step; only its owner may read it (mode 600)."""
    scratch = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(path)
