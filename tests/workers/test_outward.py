"""Requests to addresses that somebody typed in: nothing leads inward, nothing lasts."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from catalog.errors import NoAnswer
from tests.workers.receiver import Receiver, receiving
from workers import outward
from workers.outward import Answer, post

INSIDE = {"127.0.0.1"}
CERTIFICATE = Path(__file__).parent / "shop.example.pem"  # of shop.example, with its key


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What names that end in .example are resolved to, one after another."""
    answers: list[str] = []
    real = socket.getaddrinfo

    def resolve(host: str, port: int, *rest: int, **more: int) -> list[Any]:
        return real(answers.pop(0) if host.endswith(".example") else host, port, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return answers


def test_a_name_is_resolved_once_and_that_address_is_asked(receiver: Receiver, answers: list[str]) -> None:
    """A name whose answer changes between the look and the connection leads nowhere else."""
    answers += ["127.0.0.1", "127.0.0.99"]
    url = f"http://rebinding.example:{receiver.port}/hooks"
    assert post(url, b"{}", {}, {"rebinding.example"}).status == 200
    assert receiver.requests[0].headers["host"] == f"rebinding.example:{receiver.port}"
    assert answers == ["127.0.0.99"]


@pytest.mark.parametrize(
    ("host", "trusted", "sentence"),
    [
        ("shop.example", True, None),
        ("shop.example", False, "self-signed certificate"),
        ("other.example", True, "certificate is not valid for 'other.example'"),
    ],
)
def test_tls_checks_the_name_though_the_connection_goes_to_an_address(
    monkeypatch: pytest.MonkeyPatch, answers: list[str], host: str, trusted: bool, sentence: str | None
) -> None:
    answers.append("127.0.0.1")
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    with receiving(CERTIFICATE) as receiver:
        url = f"https://{host}:{receiver.port}/hooks"
        if sentence is None:
            assert post(url, b"{}", {}, {host}) == Answer(200, "thanks")
        else:
            with pytest.raises(NoAnswer, match=sentence):
                post(url, b"{}", {}, {host})
            assert receiver.requests == []


def test_path_query_headers_and_body_arrive(receiver: Receiver) -> None:
    answer = post(f"{receiver.url}?shop=1&q=a%20b", b'{"a":1}', {"x-tag": "mill"}, INSIDE)
    assert answer == Answer(200, "thanks")
    (request,) = receiver.requests
    assert (request.path, request.body, request.headers["x-tag"]) == (
        "/hooks?shop=1&q=a%20b",
        b'{"a":1}',
        "mill",
    )


def test_a_redirect_is_an_answer_and_is_not_followed(receiver: Receiver) -> None:
    receiver.statuses = [307]
    receiver.headers = {"Location": receiver.url}
    assert post(receiver.url, b"{}", {}, INSIDE).status == 307
    assert len(receiver.requests) == 1


def test_little_is_read_of_a_long_answer_and_only_what_can_be_printed(receiver: Receiver) -> None:
    receiver.body = b"\0\x1b[31m\xff" + b"x" * 1_000_000
    answer = post(receiver.url, b"{}", {}, INSIDE)
    assert answer.body.startswith("[31m�xxx")
    assert len(answer.body) < outward.ANSWER_BYTES
    assert answer.body.isprintable()


def test_an_endpoint_that_drips_is_cut_off(receiver: Receiver) -> None:
    receiver.drips = True
    begun = time.monotonic()
    with pytest.raises(NoAnswer, match=r"no complete answer within 0\.4 s"):
        post(receiver.url, b"{}", {}, INSIDE, seconds=0.4)
    assert time.monotonic() - begun < 2


def test_an_endpoint_that_hangs_is_cut_off(receiver: Receiver) -> None:
    end = threading.Event()
    receiver.before = lambda: end.wait(10)
    begun = time.monotonic()
    with pytest.raises(NoAnswer, match=r"no complete answer within 0\.3 s"):
        post(receiver.url, b"{}", {}, INSIDE, seconds=0.3)
    assert time.monotonic() - begun < 2
    end.set()


def test_a_handshake_that_never_comes_is_cut_off() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}/"
        with pytest.raises(NoAnswer, match=r"no complete answer within 0\.3 s"):
            post(url, b"{}", {}, INSIDE, seconds=0.3)


@pytest.mark.parametrize(
    "said", [b"", b"SSH-2.0-OpenSSH\r\n", b"\0\x1b[31m\r\n", b"HTTP/1.1 200 OK\r\n" + 99999 * b"x"]
)
def test_what_is_no_http_is_a_sentence(said: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(said)

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(NoAnswer, match=r"^127\.0\.0\.1 did not answer: .") as failed:
            post(f"http://127.0.0.1:{server.getsockname()[1]}/", b"{}", {}, INSIDE)
        assert str(failed.value).isprintable()
        thread.join()


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(NoAnswer, match="Connection refused"):
        post(f"http://127.0.0.1:{port}/", b"{}", {}, INSIDE)
