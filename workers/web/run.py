"""The server: a socket that is ours before anything is said, and an orderly end."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable

import uvicorn

from workers.embedded.errors import ServiceError
from workers.runtime import Runtime
from workers.web.app import create_app

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


def run(runtime: Runtime, listening: socket.socket, on_ready: Callable[[], None]) -> None:
    """Serve until SIGTERM or Ctrl-C; requests that are under way are ended first."""
    app = create_app(runtime)
    threading.Thread(target=app.state.web.warm_up, name="warm-up", daemon=True).start()
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,  # ours has no queries in it
        server_header=False,
        proxy_headers=bool(runtime.settings.web_proxies),
        forwarded_allow_ips=runtime.settings.web_proxies,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=END_SECONDS,
    )
    # Uvicorn raises the signal again when it has ended; to end was all that it asked for.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    on_ready()
    uvicorn.Server(config).run(sockets=[listening])
