"""A shop for measuring: its own database with some of the starter pack's models, its photos, its worker host."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import sqlalchemy as sa

from benchmarks.scratch import Scratch
from models.starter.pack import starter_specs
from workers import registry
from workers.runtime import Runtime

RESULTS = ("classifications", "detections", "segments", "embeddings")
GIVE_UP = 3600.0


@dataclass(frozen=True, slots=True)
class Shop:
    """`environment` is what its processes see."""

    runtime: Runtime
    environment: dict[str, str]

    def ingest(self, manifest: Path) -> None:
        self.tagmill("ingest", str(manifest), "--json")

    def tagmill(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "workers.cli", *arguments]
        subprocess.run(command, check=True, env=self.environment, stdout=subprocess.DEVNULL)

    def keys(self) -> list[str]:
        """The object keys of all photos."""
        with self.runtime.engine.connect() as connection:
            return list(connection.scalars(sa.text("SELECT object_key FROM images ORDER BY id")))

    def reset(self) -> None:
        """As if no photo had been looked at. What a sweep may publish from now on is measured."""
        with self.runtime.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(sa.text(f"TRUNCATE {', '.join(RESULTS)}"))
            connection.execute(sa.text("UPDATE work_items SET state = 'cancelled'"))
            connection.execute(sa.text("VACUUM ANALYZE work_items"))
            connection.execute(
                sa.text(
                    "UPDATE work_items SET state = 'pending', attempts = 0, published_at = NULL, finished_at = NULL"
                )
            )

    def seconds(self) -> float:
        """Wait until all is done; seconds from the first message to the last row, by Postgres' clock."""
        until = time.monotonic() + GIVE_UP
        while self.runtime.ledger.has_open_items():
            if time.monotonic() > until:
                raise SystemExit("the workers did not get done")
            time.sleep(0.2)
        with self.runtime.engine.connect() as connection:
            found = connection.execute(
                sa.text(
                    "SELECT extract(epoch FROM max(finished_at) - min(published_at)),"
                    " count(*) FILTER (WHERE state <> 'done') FROM work_items"
                )
            ).one()
        if found[1]:
            raise SystemExit(f"{found[1]} work items were not done")
        return float(found[0])

    @contextmanager
    def workers(self, log: Path) -> Iterator[subprocess.Popen[bytes]]:
        """A worker host as shipped, in the background."""
        with log.open("wb") as out:
            host = subprocess.Popen(
                [sys.executable, "-m", "workers.cli", "worker"], env=self.environment, stdout=out, stderr=out
            )
            try:
                yield host
            finally:
                host.terminate()
                host.wait(60)


def open_shop(scratch: Scratch, tasks: Sequence[str], cache: Path) -> Shop:
    """An empty shop whose photos go through the starter pack's models for `tasks`."""
    changes = {
        "database_url": scratch.database(),
        "queue": f"benchmark-{uuid4().hex}",
        "cache_dir": str(cache),
        "sweep_seconds": "1",
        "log_level": "WARNING",
    }
    environment = {
        **os.environ,
        **scratch.environment,
        **{f"TAGMILL_{k.upper()}": v for k, v in changes.items()},
    }
    runtime = scratch.runtime(**changes)
    runtime.store.ensure_bucket()
    for spec in starter_specs():
        if spec.builder == "tagmill:starter" and spec.task in tasks:
            registry.add(runtime.engine, runtime.store, spec, Path(spec.weights))
    shop = Shop(runtime, environment)
    shop.tagmill("models", "compile")
    return shop
