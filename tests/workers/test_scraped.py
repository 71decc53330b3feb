"""Who is told metrics."""

from __future__ import annotations

import base64
import socket
import urllib.error
import urllib.request

import pytest
from prometheus_client import REGISTRY
from pydantic import SecretStr

from tests.acceptance.test_serve import free_port
from workers import scraped
from workers.embedded.errors import ServiceError


def asked(port: int, **headers: str) -> int:
    request = urllib.request.Request(f"http://127.0.0.1:{port}/metrics", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert b"# HELP" in answer.read()
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def test_whoever_asks_for_metrics_has_a_password_where_one_is_set() -> None:
    def basic(secret: str) -> dict[str, str]:
        return {"Authorization": f"Basic {base64.b64encode(secret.encode()).decode()}"}

    auth, port = SecretStr("prometheus:sesame"), free_port()
    scraped.serve("127.0.0.1", port, REGISTRY, auth)
    assert asked(port) == 401
    for wrong in ("prometheus:", "prometheus:sesame2", ":sesame", "prometheus:s\u00e9same"):
        assert asked(port, **basic(wrong)) == 401
    assert asked(port, Authorization="Basic") == 401
    assert asked(port, **basic("prometheus:sesame")) == 200
    open_port = free_port()
    scraped.serve("localhost", open_port, REGISTRY, None)
    assert asked(open_port) == 200


def test_metrics_are_for_other_machines_with_a_password_only() -> None:
    for address in ("0.0.0.0", "::", "192.0.2.1"):
        with pytest.raises(ServiceError, match="TAGMILL_METRICS_BASIC_AUTH"):
            scraped.serve(address, free_port(), REGISTRY, None)


def test_who_asks_for_metrics_slowly_is_let_go(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(scraped._Handler, "timeout", 0.2)
    port = free_port()
    scraped.serve("127.0.0.1", port, REGISTRY, None)
    for begin in (b"", b"GET /metrics HTTP/1.1\r\n"):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
            client.sendall(begin)
            assert client.recv(1) == b""
    assert capfd.readouterr().err == ""
