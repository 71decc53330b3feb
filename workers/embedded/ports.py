"""Free ports on 127.0.0.1.

Ports are searched upwards from a fixed base, below the range from which the kernel hands out ports to
outgoing connections: so a server that is down for a moment finds its port again.
"""

from __future__ import annotations

import fcntl
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from workers.embedded.errors import ServiceError

LOOPBACK = "127.0.0.1"


def is_free(port: int) -> bool:
    """True when a server could listen on the port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As the servers do: connections of the past, still in TIME_WAIT, are no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def choose(remembered: int | None, base: int, span: int = 400) -> int:
    """The remembered port if it is free, else the first free one from `base` on.

    Raises `ServiceError` when none of `span` ports is free.
    """
    if remembered is not None and is_free(remembered):
        return remembered
    for port in range(base, base + span):
        if is_free(port):
            return port
    raise ServiceError(
        f"No free port between {base} and {base + span} on {LOOPBACK}. Stop what listens there."
    )


@contextmanager
def chosen_by_one() -> Iterator[None]:
    """Held from the choice of ports until servers listen there: of two that begin at once, both would find one free.

    Waits for others of this user on this machine. The lock goes with its process, whatever becomes of it.
    """
    path = Path(tempfile.gettempdir()) / f"tagmill-ports-{os.getuid()}.lock"
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
