"""Whether services answer is known in time, whatever they do instead."""

from __future__ import annotations

import socket
import time

import pytest

from workers.health import probe
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
        monkeypatch.setenv("TAGMILL_REDIS_URL", f"redis://:secret@127.0.0.1:{port}/0")
        started = time.monotonic()
        found = {one.name: one for one in probe(Runtime(Settings()), 1.0)}
        assert time.monotonic() - started < 3
    assert (found["postgres"].ok, found["redis"].ok, found["s3"].ok) == (True, False, False)
    assert "no answer within 1 s" in found["s3"].detail
    assert "secret" not in found["redis"].detail
