"""A wire that can be hurt: a TCP proxy whose connections freeze, break, crawl, or answer with errors of their own."""

from __future__ import annotations

import contextlib
import random
import re
import socket
import struct
import threading
import time
from types import TracebackType
from typing import Self

PIECE = 1 << 16


class Proxy:
    """Forwards connections from `listen` to `target`; faults may be switched at any time, from any thread."""

    def __init__(self, target: tuple[str, int], *, listen: str = "127.0.0.1", seed: int = 1) -> None:
        self._target = target
        self._server = socket.create_server((listen, 0))
        self.port: int = self._server.getsockname()[1]
        self._flow = threading.Event()
        self._flow.set()
        self._refusing = False
        self._delay = 0.0
        self._answer: tuple[bytes, float] | None = None
        self._random = random.Random(seed)
        self._links: list[tuple[socket.socket, socket.socket]] = []
        self._lock = threading.Lock()
        self.answered = 0

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        self._flow.set()
        self.cut()

    # --- faults

    def pass_through(self) -> None:
        """End every fault; what was frozen flows on."""
        self._refusing, self._delay, self._answer = False, 0.0, None
        self._flow.set()

    def freeze(self) -> None:
        """Half-open: connections stay up and are taken, and nothing comes through."""
        self._flow.clear()

    def cut(self) -> None:
        """Reset every connection."""
        with self._lock:
            links, self._links = self._links, []
        for pair in links:
            for one in pair:
                _reset(one)

    def refuse(self) -> None:
        """Reset every connection, and each new one."""
        self._refusing = True
        self.cut()

    def slow(self, seconds: float) -> None:
        """Each piece of an answer comes so much later."""
        self._delay = seconds

    def answer(self, response: bytes, share: float = 1.0) -> None:
        """This share of HTTP requests gets `response`, and the server never sees them."""
        self._answer = (response, share)

    # --- the wire

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            if self._refusing:
                _reset(client)
                continue
            threading.Thread(target=self._link, args=(client,), daemon=True).start()

    def _link(self, client: socket.socket) -> None:
        self._flow.wait()
        try:
            server = socket.create_connection(self._target)
        except OSError:
            _reset(client)
            return
        for one in (client, server):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._lock:
            self._links.append((client, server))
        threading.Thread(target=self._pump, args=(server, client, False), daemon=True).start()
        self._pump(client, server, True)

    def _pump(self, source: socket.socket, sink: socket.socket, upwards: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(PIECE):
                self._flow.wait()
                answer = self._answer
                if upwards and answer and _is_request(data) and self._random.random() < answer[1]:
                    self._give(source, data, answer[0])
                    break
                if not upwards and self._delay:
                    time.sleep(self._delay)
                sink.sendall(data)
        for one in (source, sink):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _give(self, client: socket.socket, request: bytes, response: bytes) -> None:
        """Take the whole request first: an answer in the middle of it would be lost in a reset."""
        head, _, body = request.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
        missing = int(length[1]) - len(body) if length else 0
        while missing > 0 and (piece := client.recv(PIECE)):
            missing -= len(piece)
        client.sendall(response)
        self.answered += 1


def http_error(status: int, code: str) -> bytes:
    """An S3 server's error answer."""
    body = f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code><Message>chaos</Message></Error>'
    head = f"HTTP/1.1 {status} Chaos\r\nContent-Type: application/xml\r\nContent-Length: {len(body)}\r\n"
    return f"{head}Retry-After: 60\r\nConnection: close\r\n\r\n{body}".encode()  # as MinIO does


def _is_request(data: bytes) -> bool:
    return re.match(rb"(GET|PUT|HEAD|POST|DELETE) ", data) is not None


def _reset(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        one.close()
