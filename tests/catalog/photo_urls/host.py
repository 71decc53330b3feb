"""A host of photos on the loopback address, which plays whatever trick a path stands for."""

from __future__ import annotations

import io
import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from PIL import Image

Answer = Callable[[BaseHTTPRequestHandler], object]


def png(number: int = 0) -> bytes:
    """A small photo of its own."""
    buffer = io.BytesIO()
    Image.new("RGB", (8, 6), (number % 256, number // 256 % 256, 99)).save(buffer, "PNG")
    return buffer.getvalue()


@dataclass
class Host:
    """What paths answer; one that is not named has a photo of its own."""

    port: int = 0
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    connections: Counter[int] = field(default_factory=Counter)
    at_once: int = 0
    most_at_once: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def url(self, path: str, name: str = "127.0.0.1", scheme: str = "http") -> str:
        return f"{scheme}://{name}:{self.port}{path}"

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        path = handler.path.partition("?")[0]
        with self.lock:
            self.asked.append(handler.path)
            self.headers.append({name.lower(): value for name, value in handler.headers.items()})
            self.connections[handler.client_address[1]] += 1
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            self.answers.get(path, photo(path))(handler)
        finally:
            with self.lock:
                self.at_once -= 1


def photo(path: str) -> Answer:
    return lambda handler: send(handler, png(sum(map(ord, path))))


def send(handler: BaseHTTPRequestHandler, body: bytes = b"", status: int = 200, **headers: str) -> None:
    """An honest answer; `Retry_After` is the header Retry-After."""
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(body)))
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


def raw(*parts: bytes, then: Callable[[socket.socket], object] | None = None) -> Answer:
    """These bytes, and the end of the connection."""

    def say(handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True
        for part in parts:
            handler.connection.sendall(part)
        if then is not None:
            then(handler.connection)

    return say


def forever(piece: bytes, pause: float = 0.0) -> Callable[[socket.socket], object]:
    """Said again and again, until the other side has had enough."""

    def say(connection: socket.socket) -> None:
        end = time.monotonic() + 20
        while time.monotonic() < end:
            connection.sendall(piece)
            time.sleep(pause)

    return say


def redirect(to: str, status: int = 302) -> Answer:
    return lambda handler: send(handler, status=status, Location=to)


def in_turn(*answers: Answer) -> Answer:
    """One after another, the last for ever."""
    left = list(answers)
    return lambda handler: (left.pop(0) if len(left) > 1 else left[0])(handler)


@contextmanager
def serving(certificate: Path | None = None) -> Iterator[Host]:
    """A host on a port of its own; with a certificate, it speaks TLS."""
    host = Host()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1
        timeout = 20

        def do_GET(self) -> None:
            try:
                host.answer(self)
                self.wfile.flush()
            except OSError:  # the other side has had enough
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

        def finish(self) -> None:
            with suppress(OSError):
                super().finish()

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 64

        def handle_error(self, *_: object) -> None:
            pass  # such as a handshake that the other side broke off

    server = Server(("127.0.0.1", 0), Handler)
    host.port = server.server_address[1]
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield host
    finally:
        server.shutdown()
        server.server_close()
