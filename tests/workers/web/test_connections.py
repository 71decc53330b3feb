"""What is sent below the level of requests: nothing waits for ever, and no request hides in another."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest
import uvicorn

from tests.workers.web.conftest import Visit
from workers.web import connections, run

KEY = b"Host: 127.0.0.1\r\n"
Address = tuple[str, int]


@pytest.fixture
def address(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> Iterator[Address]:
    """A real server, which is patient for half a second."""
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.5)
    monkeypatch.setattr(connections, "STALL_SECONDS", 0.5)
    app = visit(web_rate="10000").app

    @app.get("/api/large")  # type: ignore[attr-defined,untyped-decorator]
    def large() -> str:
        return "x" * 50_000_000

    server = uvicorn.Server(run.configuration(app, ""))  # type: ignore[arg-type]
    listening = run.listen("127.0.0.1", 0)
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    yield listening.getsockname()
    server.should_exit = True
    thread.join()


def ends(address: Address, begin: bytes, drip: bytes, *, within: float = 5.0) -> bytes:
    """What comes back until the server ends the connection, on which a byte comes now and then."""
    back, until = b"", time.monotonic() + within
    with socket.create_connection(address) as client:
        client.settimeout(0.1)
        client.sendall(begin)
        while time.monotonic() < until:
            try:
                client.sendall(drip)
                part = client.recv(65536)
            except TimeoutError:
                continue
            except OSError:
                return back
            if not part:
                return back
            back += part
    raise AssertionError("the connection stays open")


@pytest.mark.parametrize(
    ("begin", "drip"),
    [
        (b"", b""),
        (b"GET / HTTP/1.1\r\n", b""),
        (b"GET / HTTP/1.1\r\nX: ", b"x"),
        (b"GET /healthz HTTP/1.1\r\n" + KEY + b"\r\nGET / HTTP/1.1\r\nX: ", b"x"),
        (b"GET /healthz HTTP/1.1\r\n" + KEY + b"Content-Length: 1000\r\n\r\n", b"x"),
    ],
)
def test_a_request_that_does_not_come_to_an_end_is_not_waited_for(
    address: Address, begin: bytes, drip: bytes
) -> None:
    ends(address, begin, drip)


def test_who_takes_no_answer_is_let_go(address: Address) -> None:
    with socket.create_connection(address) as client:
        client.sendall(b"GET /api/large HTTP/1.1\r\n" + KEY + b"\r\n")
        time.sleep(2)
        client.settimeout(5)
        taken = 0
        with suppress(ConnectionResetError):
            while part := client.recv(1 << 20):
                taken += len(part)
    assert taken < 50_000_000


@pytest.mark.parametrize(
    "framing",
    [
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"Content-Length: +5\r\n\r\nhello",
        b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        b"Host: evil.example\r\n\r\n",
        b"X: a\r\n b\x00\r\n\r\n",
    ],
)
def test_no_second_request_hides_in_a_body(address: Address, framing: bytes) -> None:
    """Each is refused, the connection ended, and what follows never answered."""
    hidden = b"GET /healthz HTTP/1.1\r\n" + KEY + b"\r\n"
    back = ends(address, b"POST /api/v1/decisions HTTP/1.1\r\n" + KEY + framing + hidden, b"")
    assert b'"status":"ok"' not in back
    assert back.count(b"HTTP/1.1 ") <= 1
    assert not back or back.split()[1] in (b"400", b"501"), back


def test_there_is_no_other_protocol_to_change_to(address: Address) -> None:
    asked = b"Connection: Upgrade, close\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n"
    asked += b"Sec-WebSocket-Version: 13\r\n\r\n"
    back = ends(address, b"GET /api/v1/models HTTP/1.1\r\n" + KEY + asked, b"")
    assert b" 101 " not in back
