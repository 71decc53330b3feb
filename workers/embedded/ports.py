"""Free ports on 127.0.0.1.

Ports are searched upwards from a fixed base, below the range from which the kernel hands out ports to
outgoing connections: so a server that is down for a moment finds its port again.
"""

from __future__ import annotations

import socket

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
