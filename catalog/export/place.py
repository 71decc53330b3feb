"""Where an export goes: a folder, or a prefix of a bucket. A file is there whole, or not at all."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Protocol
from uuid import uuid4

from catalog.asset_store import CONTENT_TYPES, AssetStore
from catalog.errors import ExportError, ObjectMissing

PARTIAL = ".partial-"
"""How the names begin of files that are not whole. Who goes on from a killed writer deletes them."""


class Place(Protocol):
    """Names are relative, such as `ab/cd/x.png`. All methods raise ExportError or StoreError."""

    @property
    def identity(self) -> str:
        """The same for all who write to this place."""

    def read(self, name: str) -> bytes | None:
        """What is there; None where nothing is."""

    def write(self, name: str, data: bytes) -> None:
        """In place of what was there. Safe from many threads, for different names."""

    def exists(self, name: str) -> bool: ...

    def delete(self, name: str) -> None: ...

    def names(self, start: str = "") -> Iterator[str]:
        """Names that begin so."""


class Folder:
    """A folder on this machine; it is made when something is written."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self._writer = uuid4().hex

    def __str__(self) -> str:
        return str(self.path)

    @property
    def identity(self) -> str:
        return f"{socket.gethostname()}:{self.path.resolve()}"

    def read(self, name: str) -> bytes | None:
        try:
            return (self.path / name).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise ExportError(f"cannot read {self.path / name}: {error.strerror}") from error

    def write(self, name: str, data: bytes) -> None:
        with self.writing(name) as file:
            file.write(data)

    @contextmanager
    def writing(self, name: str) -> Iterator[IO[bytes]]:
        """A file that gets its name when the block ends well, and is on disk by then.

        Until then its name is no other writer's: one that lost its right to write here spoils nothing.
        """
        path = self.path / name
        partial = self.path / f"{PARTIAL}{self._writer}-{name.replace('/', '-')}"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                with partial.open("wb") as file:
                    yield file
                    file.flush()
                    os.fsync(file.fileno())
                partial.replace(path)
            finally:
                partial.unlink(missing_ok=True)
            _keep_names(path.parent)
        except OSError as error:
            raise ExportError(
                f"cannot write {path}: {error.strerror or error}; mend that or make room, then run the same command "
                "again: it goes on after the last finished part"
            ) from error

    def exists(self, name: str) -> bool:
        return (self.path / name).is_file()

    def delete(self, name: str) -> None:
        (self.path / name).unlink(missing_ok=True)

    def names(self, start: str = "") -> Iterator[str]:
        if self.path.is_dir():
            yield from (path.name for path in self.path.iterdir() if path.name.startswith(start))
        elif self.path.exists():
            raise ExportError(f"{self.path} is a file; name a folder")


class Bucket:
    """A prefix of a bucket; `store` is that bucket's."""

    def __init__(self, store: AssetStore, prefix: str) -> None:
        self._store = store
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""

    def __str__(self) -> str:
        return self.identity

    @property
    def identity(self) -> str:
        return f"s3://{self._store.bucket}/{self._prefix}"

    def read(self, name: str) -> bytes | None:
        try:
            return self._store.get(self._prefix + name)
        except ObjectMissing:
            return None

    def write(self, name: str, data: bytes) -> None:
        content_type = CONTENT_TYPES.get(name.rpartition(".")[2], "application/octet-stream")
        self._store.put(self._prefix + name, data, content_type)

    def exists(self, name: str) -> bool:
        return self._store.exists(self._prefix + name)

    def delete(self, name: str) -> None:
        self._store.delete(self._prefix + name)

    def names(self, start: str = "") -> Iterator[str]:
        for key in self._store.list(self._prefix + start):
            yield key.removeprefix(self._prefix)


def _keep_names(folder: Path) -> None:
    """A name is on disk when its folder is."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
