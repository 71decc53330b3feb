"""`tagmill serve` and `tagmill api-key`, as processes: they begin with a word, and end without one."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.acceptance.conftest import TAGMILL, System


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def ask(port: int, path: str, **headers: str) -> int:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


@contextmanager
def serving(system: System, log: Path, **settings: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    port = free_port()
    environment = {**system.environment, **settings}
    with log.open("wb") as file:
        process = subprocess.Popen(
            [*TAGMILL, "serve", "--port", str(port)], env=environment, stderr=file, stdout=file
        )
    try:
        until = time.monotonic() + 60
        while time.monotonic() < until and process.poll() is None:
            try:
                if ask(port, "/healthz") == 200:
                    break
            except urllib.error.URLError:
                time.sleep(0.1)
        yield process, port
    finally:
        process.kill()
        process.wait()


def test_it_serves_whoever_has_a_key_and_ends_in_order(system: System, tmp_path: Path) -> None:
    made = system.json("api-key", "anna", "--role", "write")
    log = tmp_path / "serve.log"
    with serving(system, log, TAGMILL_API_KEYS=made["entry"]) as (process, port):
        assert ask(port, "/api/v1/models") == 401
        assert ask(port, "/api/v1/models", Authorization=f"Bearer {made['key']}") == 200
        assert ask(port, "/api/v1/products/a%2Fb%252F", Authorization=f"Bearer {made['key']}") == 404
        again = subprocess.run(
            [*TAGMILL, "serve", "--port", str(port)],
            env=system.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert again.returncode == 1
        assert f"cannot listen on 127.0.0.1:{port}" in again.stderr
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0
    told = log.read_text()
    assert f"http://127.0.0.1:{port}" in told
    assert "log in with a key" in told
    assert made["key"] not in told
    requests = [json.loads(line) for line in told.splitlines() if '"event": "request"' in line]
    assert {"anna", None} == {request["caller"] for request in requests}


@pytest.mark.parametrize(
    ("options", "settings"),
    [
        (["--host", "0.0.0.0"], {}),
        ([], {"TAGMILL_WEB_HOSTS": "shop.example"}),
        ([], {"TAGMILL_WEB_PROXIES": "::1"}),
    ],
)
def test_without_keys_it_stays_on_the_machine(
    system: System, options: list[str], settings: dict[str, str]
) -> None:
    environment = {**system.environment, **settings}
    done = subprocess.run(
        [*TAGMILL, "serve", *options], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "TAGMILL_API_KEYS first" in done.stderr


def test_services_that_are_away_are_told_before_it_begins(system: System) -> None:
    for name, url, told in (
        ("TAGMILL_REDIS_URL", "redis://127.0.0.1:1/0", "Redis does not answer"),
        ("TAGMILL_DATABASE_URL", "postgresql+psycopg2://x@127.0.0.1:1/x", "Postgres does not answer"),
    ):
        environment = {**system.environment, name: url}
        done = subprocess.run(
            [*TAGMILL, "serve"], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode in (1, 75)
        assert told in done.stderr
        assert "Traceback" not in done.stderr


def test_a_key_is_for_a_name_that_can_be_one(system: System) -> None:
    system.run("api-key", "a:b", expect=2)
    assert "tm_" in system.run("api-key", "shop")
