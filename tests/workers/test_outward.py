"""Requests to addresses that somebody typed in: nothing leads inward, nothing lasts."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from catalog.errors import AddressRefused, NoAnswer
from tests.workers.receiver import Receiver, receiving
from workers import outward
from workers.outward import Answer, destination, is_outside, post

INSIDE = {"127.0.0.1"}
CERTIFICATE = Path(__file__).parent / "shop.example.pem"  # of shop.example, with its key


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


@pytest.mark.parametrize(
    "address",
    [
        *("0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "169.254.169.254", "172.16.0.1", "192.168.1.1"),
        *("192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"),
        *("::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "ff02::1", "2001:db8::1", "::7f00:1"),
        *("::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "64:ff9b::10.0.0.1"),
        *("64:ff9b:1::7f00:1", "2002:7f00:1::", "2001:0:4136:e378:8000:63bf:80ff:fffe"),
    ],
)
def test_addresses_that_are_not_of_the_public_internet(address: str) -> None:
    assert not is_outside(address)


@pytest.mark.parametrize(
    "address", ["93.184.215.14", "1.1.1.1", "2606:4700:4700::1111", "::ffff:1.1.1.1", "64:ff9b::1.1.1.1"]
)
def test_addresses_that_are(address: str) -> None:
    assert is_outside(address)


@pytest.mark.parametrize(
    "url",
    [
        *("http://127.0.0.1/x", "http://127.1/x", "http://2130706433/x", "http://0x7f000001/x", "http://0/"),
        *("http://10.0.0.5:8080/x", "http://[::1]/x", "https://[::ffff:127.0.0.1]/x", "http://[::]/"),
        *("http://169.254.169.254/latest/meta-data/", "http://localhost:9000/x", "https://LOCALHOST/x"),
    ],
)
def test_what_leads_inward_is_refused_unless_its_host_is_named(url: str) -> None:
    with pytest.raises(AddressRefused, match=r"no public address.*TAGMILL_WEBHOOK_HOSTS"):
        destination(url)
    named = {
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0",
        "10.0.0.5",
        "::1",
        "::ffff:127.0.0.1",
        "::",
    }
    destination(url, named | {"169.254.169.254", "localhost"})


def test_the_host_that_is_looked_at_is_the_host_that_is_asked() -> None:
    found = destination("http://1.1.1.1\\@127.0.0.1/")
    assert (found.host, found.address) == ("1.1.1.1", "1.1.1.1")


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("ftp://shop.example/x", "no URL of the kind"),
        ("file:///etc/passwd", "no URL of the kind"),
        ("shop.example/x", "no URL of the kind"),
        ("https:///x", "no URL of the kind"),
        ("http://anna:secret@1.1.1.1:99999/", "no URL of the kind"),
        ("https://anna:secret@shop.example/x", "no user name or password"),
        ("ftp://anna:secret@shop.example/x", "no user name or password"),
    ],
)
def test_what_is_no_url_for_us(url: str, sentence: str) -> None:
    with pytest.raises(AddressRefused, match=sentence) as refused:
        destination(url)
    assert "secret" not in str(refused.value)


def test_an_unknown_host_is_named() -> None:
    with pytest.raises(NoAnswer, match=r"no-such-host\.invalid cannot be resolved"):
        destination("https://no-such-host.invalid/x")


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
