"""The server: a socket that is ours before anything is said, and an orderly end."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable

import uvicorn
from fastapi import FastAPI

from workers.embedded.errors import ServiceError
from workers.runtime import Runtime
from workers.web.app import create_app
from workers.web.connections import Connection

MOST_CONNECTIONS = 500
KEEP_ALIVE_SECONDS = 15
END_SECONDS = 10


def listen(host: str, port: int) -> socket.socket:
    """A socket on that address. Raises ServiceError where it is taken, or none of this machine's."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=512)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ServiceError(
            f"cannot listen on {host}:{port}: {reason}; choose another --port or --host"
        ) from None


def configuration(app: FastAPI, proxies: str) -> uvicorn.Config:
    """How requests are read; `proxies` are believed when they say who asks."""
    return uvicorn.Config(
        app,
        http=Connection,
        ws="none",
        log_config=None,
        access_log=False,  # ours has no queries in it
        server_header=False,
        proxy_headers=bool(proxies),
        forwarded_allow_ips=proxies,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=END_SECONDS,
    )


def run(runtime: Runtime, listening: socket.socket, on_ready: Callable[[], None]) -> None:
    """Serve until SIGTERM or Ctrl-C; requests that are under way are ended first."""
    app = create_app(runtime)
    threading.Thread(target=app.state.web.warm_up, name="warm-up", daemon=True).start()
    config = configuration(app, runtime.settings.web_proxies)
    # Uvicorn raises the signal again when it has ended; to end was all that it asked for.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    on_ready()
    uvicorn.Server(config).run(sockets=[listening])
