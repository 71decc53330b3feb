"""A connection to an address that was looked at; TLS still checks the host's name."""

from __future__ import annotations

import select
import socket
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from http.client import HTTPException, HTTPResponse
from typing import cast

from catalog.outward.bounded import BoundedSocket, Bounds
from catalog.outward.target import Target

CONNECT_SECONDS = 5.0
_TRIED = 3  # addresses of one host
_INTERIM = 8  # answers that only say that there will be one


class Connection:
    """One exchange after another with one host, over one socket."""

    def __init__(self, opened: socket.socket, to: Target) -> None:
        self._opened = opened
        self._bounded = BoundedSocket(opened)
        self._to = to

    def ask(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        bounds: Bounds,
        body: bytes = b"",
        *,
        spent: float = 0.0,
    ) -> HTTPResponse:
        """A request, and the head of its answer, whose body is read from it. `spent` seconds of the bounds are over.

        Raises TimeoutError, OSError, HTTPException, ValueError, here and while the body is read.
        """
        self._bounded.begin(bounds, spent)
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self._to.authority}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        if any("\r" in line or "\n" in line for line in lines):
            raise ValueError("a line break in a header")
        self._bounded.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
        response = self._head(method)
        self._bounded.expect_body()
        return response

    def _head(self, method: str) -> HTTPResponse:
        for _ in range(_INTERIM):
            response = HTTPResponse(cast(socket.socket, self._bounded), method=method)
            response.begin()
            if response.status >= 200:
                return response
        raise HTTPException("answers that only announce one, without end")

    @property
    def quiet(self) -> bool:
        """Whether the other side has neither ended the connection nor said what nobody asked."""
        waits = select.poll()
        waits.register(self._opened, select.POLLIN)
        return not waits.poll(0)

    def abort(self) -> None:
        """Let an exchange under way, in another thread, fail."""
        with suppress(OSError):  # the other side was faster
            socket.socket.shutdown(self._opened, socket.SHUT_RDWR)  # not TLS's own, which is for one thread

    def close(self) -> None:
        self._opened.close()


def connect(
    to: Target,
    addresses: Sequence[str],
    seconds: float = CONNECT_SECONDS,
    context: Callable[[], ssl.SSLContext] = ssl.create_default_context,
) -> Connection:
    """To the first of `addresses` that answers, with TLS where the target has it, within `seconds`.

    `context` is asked for TLS only: it takes longer to make than a connection. Raises OSError, and so ssl.SSLError.
    """
    end = time.monotonic() + seconds
    opened = _open(addresses[:_TRIED], to.port, end)
    if not to.secure:
        return Connection(opened, to)
    try:
        opened.settimeout(max(end - time.monotonic(), 0.001))
        return Connection(context().wrap_socket(opened, server_hostname=to.host.rstrip(".")), to)
    except BaseException:
        opened.close()
        raise


def _open(addresses: Sequence[str], port: int, end: float) -> socket.socket:
    failed: OSError = OSError("it has no address")
    for behind, address in zip(reversed(range(len(addresses))), addresses, strict=True):
        share = (end - time.monotonic()) / (
            behind + 1
        )  # one that swallows all packets leaves time for the next
        try:
            opened = socket.create_connection((address, port), max(share, 0.001))
        except OSError as error:
            failed = error
        else:
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return opened
    raise failed
