"""Whether services answer is known in time, whatever they do instead."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time

import pytest

from workers.health import Probes, probe
from workers.runtime import Runtime
from workers.settings import Settings


def test_services_that_are_well_answer(runtime: Runtime) -> None:
    runtime.store.ensure_bucket()
    assert [(one.name, one.ok) for one in probe(runtime)] == [
        ("postgres", True),
        ("redis", True),
        ("s3", True),
    ]


def test_services_that_take_the_call_and_say_nothing_are_away_within_the_patience(
    tagmill_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        monkeypatch.setenv("TAGMILL_S3_ENDPOINT", f"http://127.0.0.1:{port}")
        monkeypatch.setenv("TAGMILL_REDIS_URL", f"redis://:secret@127.0.0.1:{port}/0?password=secret")
        started = time.monotonic()
        found = {one.name: one for one in probe(Runtime(Settings()), 1.0)}
        assert time.monotonic() - started < 3
    assert (found["postgres"].ok, found["redis"].ok, found["s3"].ok) == (True, False, False)
    assert "no answer within 1 s" in found["s3"].detail
    assert "secret" not in found["redis"].detail


LOOK = """
from workers.health import probe
from workers.runtime import Runtime
from workers.settings import Settings

print([service.ok for service in probe(Runtime(Settings()), 0.5)])
"""


def silent_postgres(socket_: socket.socket) -> str:
    return f"postgresql+psycopg2://somebody@127.0.0.1:{socket_.getsockname()[1]}/shop"


def test_a_process_ends_while_a_service_hangs(tagmill_environment: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        environment = {**os.environ, "TAGMILL_DATABASE_URL": silent_postgres(silent)}
        looking = subprocess.Popen(
            [sys.executable, "-c", LOOK], env=environment, stdout=subprocess.PIPE, text=True
        )
        with looking:
            assert looking.stdout is not None
            assert looking.stdout.readline() == "[False, True, True]\n"
            assert looking.wait(3) == 0


def test_a_service_that_hangs_is_asked_once_at_a_time(
    tagmill_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("TAGMILL_DATABASE_URL", silent_postgres(silent))
        probes = Probes(Runtime(Settings()))
        for _ in range(3):
            assert not probes.look(0.2)[0].ok
        asking = [thread for thread in threading.enumerate() if thread.name == "probe postgres"]
        assert len(asking) == 1
    asking[0].join()
