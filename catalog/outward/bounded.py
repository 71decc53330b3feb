"""A socket that ends in time: a time-out of its own begins anew with each byte, so a slow one could go on for ever."""

from __future__ import annotations

import io
import socket
import time
from dataclasses import dataclass
from typing import Any

HEAD_BYTES = 128 * 1024


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one exchange may take: `seconds` in all, and no more than `grace` + bytes / `rate` of them.

    `rate`, in bytes a second, cuts off what drips; without one, only the seconds count. `body` is in bytes, with all
    that carries it. What comes before a body is bounded by `HEAD_BYTES`.
    """

    seconds: float
    body: int
    rate: float | None = None
    grace: float = 0.0

    def left(self, spent: float, received: int) -> float:
        """Seconds that are left, or less than none."""
        allowed = self.seconds
        if self.rate is not None:
            allowed = min(allowed, self.grace + received / self.rate)
        return allowed - spent


class BoundedSocket:
    """What `http.client.HTTPResponse` needs of a socket. Raises TimeoutError, and OSError where too much comes."""

    def __init__(self, opened: socket.socket) -> None:
        self._opened = opened
        self.begin(Bounds(0.0, 0))

    def begin(self, bounds: Bounds, spent: float = 0.0) -> None:
        """A new exchange, with bounds of its own, `spent` seconds of which are over."""
        self._bounds = bounds
        self._begun = time.monotonic() - spent
        self._received, self._most = 0, HEAD_BYTES
        self._file = _File(_Reader(self))

    def expect_body(self) -> None:
        """The head is over: as much may come as a body has."""
        self._most = self._received + self._bounds.body

    def makefile(self, *_: Any, **__: Any) -> io.BufferedIOBase:
        return self._file

    def sendall(self, data: bytes) -> None:
        self._opened.settimeout(self._left())
        self._opened.sendall(data)

    def receive_into(self, buffer: memoryview) -> int:
        if self._received >= self._most:
            raise OSError("more was sent than an answer has")
        self._opened.settimeout(self._left())
        count = self._opened.recv_into(buffer)
        self._received += count
        return count

    def _left(self) -> float:
        left = self._bounds.left(time.monotonic() - self._begun, self._received)
        if left <= 0:
            raise TimeoutError("it took too long")
        return left


class _Reader(io.RawIOBase):
    """One answer; to close it leaves the socket open."""

    def __init__(self, source: BoundedSocket) -> None:
        self._source = source

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._source.receive_into(buffer)


class _File(io.BufferedReader):
    """Read by all answers of one exchange, the first of which may only announce another: none of them closes it."""

    def close(self) -> None:
        pass
