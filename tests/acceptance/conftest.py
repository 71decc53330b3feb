"""The system from outside: real services, the real command line, real worker processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from models.starter.pack import starter_specs
from workers.runtime import Runtime
from workers.settings import Settings
from workers.setup import prepare

EACH = sum(spec.on_ingest for spec in starter_specs())
"""Models that see every new photo."""
TAGMILL = [sys.executable, "-m", "workers.cli"]


class System:
    """One test's Tagmill: its own database, bucket and queue, driven through the command line."""

    def __init__(self, environment: dict[str, str], engine: sa.Engine, logs: Path) -> None:
        self.environment = {**os.environ, **environment}
        self.engine = engine
        self._logs = logs
        self._workers: list[subprocess.Popen[bytes]] = []

    def run(self, *arguments: str, expect: int = 0) -> str:
        """A command's standard output; its exit code must be `expect`."""
        done = subprocess.run(
            [*TAGMILL, *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert done.returncode == expect, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def json(self, *arguments: str, expect: int = 0) -> Any:
        return json.loads(self.run(*arguments, "--json", expect=expect))

    def start_worker(self, *arguments: str, **settings: str) -> subprocess.Popen[bytes]:
        """A worker host in the background, in a process group of its own."""
        log = (self._logs / f"worker-{len(self._workers)}.log").open("wb")
        environment = {**self.environment, **{f"TAGMILL_{k.upper()}": v for k, v in settings.items()}}
        worker = subprocess.Popen(
            [*TAGMILL, "worker", *arguments], env=environment, stderr=log, stdout=log, start_new_session=True
        )
        log.close()
        self._workers.append(worker)
        return worker

    def drain(self, seconds: float = 180, **settings: str) -> str:
        """Work everything off with one worker host; returns its log."""
        worker = self.start_worker("--drain", **settings)
        code = worker.wait(seconds)
        log = (self._logs / f"worker-{self._workers.index(worker)}.log").read_text()
        assert code == 0, log[-4000:]
        return log

    def rows(self, query: str, **parameters: Any) -> list[Any]:
        with self.engine.connect() as connection:
            return list(connection.execute(sa.text(query), parameters).all())

    def value(self, query: str, **parameters: Any) -> Any:
        return self.rows(query, **parameters)[0][0]

    def wait_for(self, condition: Callable[[], bool], seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "waited too long"
            time.sleep(0.02)

    def stop(self) -> None:
        for worker in self._workers:
            if worker.poll() is None:
                os.killpg(worker.pid, 9)
                worker.wait(10)


@pytest.fixture
def system(tagmill_environment: dict[str, str], engine: sa.Engine, tmp_path: Path) -> Iterator[System]:
    """A Tagmill that is ready for work: schema, bucket and starter models."""
    runtime = Runtime(Settings())
    prepare(runtime)
    runtime.engine.dispose()
    made = System(tagmill_environment, engine, tmp_path)
    yield made
    made.stop()
