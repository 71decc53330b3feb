"""Answering Prometheus: one address, a name and a password, and no waiting for whoever asks slowly."""

from __future__ import annotations

import base64
import hmac
import socket
import threading
from collections.abc import Iterable
from contextlib import suppress
from http import HTTPStatus
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from pydantic import SecretStr

from workers.embedded.errors import ServiceError
from workers.this_machine import THIS_MACHINE

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

SECONDS = 10.0
"""In which a request must be there: Prometheus gives up a scrape after as long."""


def serve(address: str, port: int, registry: CollectorRegistry, auth: SecretStr | None) -> threading.Thread:
    """Answer at http://address:port/metrics, in a thread. Raises OSError where the port is taken.

    Raises ServiceError where others than this machine could ask without credentials.
    """
    if auth is None and address not in THIS_MACHINE:
        raise ServiceError(
            f"metrics on {address} are for other machines: set TAGMILL_METRICS_BASIC_AUTH=user:password first"
        )
    # Here, since a worker's processes must set up how they count before this library is first loaded.
    from prometheus_client import make_wsgi_app

    app = make_wsgi_app(registry)
    answering = app if auth is None else _guarded(app, auth.get_secret_value())
    server = make_server(address, port, answering, _Server6 if ":" in address else _Server, _Handler)
    thread = threading.Thread(target=server.serve_forever, name="metrics", daemon=True)
    thread.start()
    return thread


def _guarded(app: WSGIApplication, auth: str) -> WSGIApplication:
    wanted = f"Basic {base64.b64encode(auth.encode()).decode()}".encode()

    def answer(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        given = str(environ.get("HTTP_AUTHORIZATION", "")).encode("latin-1", "replace")
        if hmac.compare_digest(given, wanted):
            return app(environ, start)
        status = HTTPStatus.UNAUTHORIZED
        start(f"{status.value} {status.phrase}", [("WWW-Authenticate", 'Basic realm="metrics"')])
        return [b"a name and a password are needed: TAGMILL_METRICS_BASIC_AUTH\n"]

    return answer


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Server6(_Server):
    address_family = socket.AF_INET6


class _Handler(WSGIRequestHandler):
    timeout = SECONDS

    def handle(self) -> None:
        with suppress(TimeoutError):
            super().handle()

    def log_message(self, format: str, *args: object) -> None:
        """A line a scrape tells nobody anything."""
