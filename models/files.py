"""Files whose names came from elsewhere: first pinned, then looked at, and only then opened.

A name may lead to a device, to a pipe that nobody writes to, or somewhere else a moment later. `O_PATH` takes hold of
the file without opening it (open(2)); what is read afterwards is the very file that was looked at.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO


@dataclass(frozen=True, slots=True)
class Pinned:
    """A file that is held and not open. `place`: where it lies, free of links, as the kernel found it."""

    place: str
    status: os.stat_result
    _way: str

    @property
    def is_regular(self) -> bool:
        return stat.S_ISREG(self.status.st_mode)

    def open(self) -> IO[bytes]:
        return os.fdopen(os.open(self._way, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")


@contextmanager
def pinned(path: str) -> Iterator[Pinned]:
    """Hold what is at `path`. Raises OSError, and ValueError where no file can be called so."""
    descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        way = f"/proc/self/fd/{descriptor}"
        yield Pinned(os.readlink(way), os.fstat(descriptor), way)  # noqa: PTH115
    finally:
        os.close(descriptor)


def open_regular(path: str) -> IO[bytes]:
    """A regular file for reading. Raises OSError, which says in `strerror` that it is none."""
    with pinned(path) as file:
        if not file.is_regular:
            raise OSError(errno.EINVAL, "it is no regular file; save it to a file first", path)
        return file.open()


def read_regular(path: Path, limit: int) -> bytes:
    """All of a regular file. Raises OSError, also where it has more than `limit` bytes."""
    with open_regular(str(path)) as file:
        size = os.fstat(file.fileno()).st_size
        # Not up to the limit: as much memory would be taken first.
        data = file.read(size + 1) if size <= limit else b""
        if len(data) > size:  # it still grows
            data += file.read(limit + 1 - len(data))
    if size > limit or len(data) > limit:
        raise OSError(errno.EFBIG, f"it has more than {limit:,} bytes", str(path))
    return data
