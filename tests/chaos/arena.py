"""One scenario's system: its own database, bucket and queue on the shared services, and workers that can be hurt."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

import sqlalchemy as sa
from redis import Redis

from catalog import stale, versions
from catalog.asset_store import S3AssetStore
from tests.chaos.fault import DEADLY, FAULTS, FOLDER, Fault, read_notes, render
from tests.chaos.oracle import Verdict, judge, slowest_recovery
from tests.chaos.shop import TYPE, Shop
from tests.chaos.tally import Tally
from workers.embedded import services

# Shorter than as shipped, so that hundreds of faults fit into minutes.
QUICK = {
    "lease_seconds": "4",
    "sweep_seconds": "1",
    "stall_seconds": "10",
    "chunk_size": "64",
    "log_level": "INFO",
}
OPEN = "SELECT count(*) FROM work_items WHERE state IN ('pending', 'leased', 'retry')"
ROOT = Path(__file__).parents[2]


class Arena:
    """Workers, faults and the oracle of one scenario."""

    def __init__(
        self,
        shop: Shop,
        name: str,
        database_url: str,
        store: S3AssetStore,
        folder: Path,
        tally: Tally,
        seed: str,
    ) -> None:
        ends = shop.endpoints
        self.shop = shop
        self.name = name
        self.store = store
        self.folder = folder
        self.tally = tally
        self.random = Random(seed)
        self.queue = f"chaos-{name}"
        self.engine = sa.create_engine(database_url, pool_pre_ping=True)
        self.accepted: set[tuple[str, str]] = set()
        self.deaths: list[float] = []
        self.workers: list[subprocess.Popen[bytes]] = []
        self.photos = 0
        self.recovery = 0.0
        self.environment = {
            **ends.environment(),
            "TAGMILL_DATABASE_URL": database_url,
            "TAGMILL_S3_BUCKET": store.bucket,
            "TAGMILL_QUEUE": self.queue,
            "TAGMILL_HOME": str(folder / "home"),
            "TAGMILL_CACHE_DIR": str(folder / "cache"),
            "TAGMILL_CONCURRENCY": "2",
            "TAGMILL_ENGINE": "eager",
            **{f"TAGMILL_{key.upper()}": value for key, value in QUICK.items()},
        }

    # --- work

    def order(self, photos: int, model: str = TYPE, *, offset: int = 0) -> int:
        """Accept `photos` photos for a model; the oracle notes them. Workers publish them as they sweep."""
        with self.engine.begin() as connection:
            version = versions.find(connection, model)
            skus = [f"SKU-{n}" for n in range(offset, offset + photos)]
            job, accepted = stale.plan(connection, version.id, model, skus, None)
            assert accepted == photos
        query = "SELECT i.sha256 FROM work_items w JOIN images i ON i.id = w.image_id WHERE w.job_id = :job"
        self.accepted |= {(sha, model) for (sha,) in self.rows(query, job=job)}
        self.photos += photos
        return job

    def start(
        self,
        *faults: Fault,
        under: Sequence[str] = (),
        environment: dict[str, str] | None = None,
        **settings: str,
    ) -> subprocess.Popen[bytes]:
        """A worker host in a process group of its own, to which these accidents will happen."""
        notes = self.folder / "notes"
        notes.mkdir(exist_ok=True)
        changed = {f"TAGMILL_{key.upper()}": value for key, value in settings.items()}
        accidents = {FAULTS: render(faults), FOLDER: str(notes)}
        log = (self.folder / f"worker-{len(self.workers)}.log").open("wb")
        argv = [
            *under,
            sys.executable,
            "-m",
            "tests.chaos.victim",
            "worker",
            "--name",
            f"w{len(self.workers)}",
        ]
        worker = subprocess.Popen(
            argv,
            cwd=ROOT,
            env={**os.environ, **self.environment, **(environment or {}), **changed, **accidents},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        log.close()
        self.workers.append(worker)
        return worker

    def wait_ready(self, worker: subprocess.Popen[bytes]) -> None:
        """Until the host takes messages."""
        self.wait_until(lambda: "ready." in self.log(worker), 60, "no worker")

    def some_photo(self, model: str = TYPE) -> str:
        """SHA-256 of one of those that were accepted for the model."""
        return self.random.choice(sorted(sha for sha, wanted in self.accepted if wanted == model))

    # --- harm

    def fault(self, kind: str, count: int = 1) -> None:
        """Note that a fault was injected."""
        self.tally.faults[kind] += count

    def signal(self, worker: subprocess.Popen[bytes], number: signal.Signals) -> None:
        """To the whole host: its main process and all of its children."""
        if number is not signal.SIGCONT:
            self.fault(number.name)
        if number is signal.SIGKILL:
            self.deaths.append(time.time())
        os.killpg(worker.pid, number)
        if number is signal.SIGKILL:
            worker.wait(30)

    def kill_child(self, worker: subprocess.Popen[bytes]) -> None:
        """One of the processes that do the work."""
        if found := children(worker.pid):
            self.fault("SIGKILL of a child")
            self.deaths.append(time.time())
            os.kill(self.random.choice(found), signal.SIGKILL)

    def happened(self) -> list[str]:
        """Names of the planned accidents that have happened, but for pauses."""
        return sorted(n.name for n in (self.folder / "notes").glob("*") if not n.name.startswith("slowly"))

    def redis(self) -> Redis:
        return Redis.from_url(self.environment["TAGMILL_REDIS_URL"], socket_timeout=10)

    def service_pid(self, name: str) -> int:
        pid = next(s.pid for s in services.status(self.shop.home) if s.name == name)
        assert pid is not None
        return pid

    def kill_service(self, name: str) -> None:
        """SIGKILL, as a power cut or the kernel's memory killer would."""
        self.fault(f"SIGKILL of {name}")
        os.kill(self.service_pid(name), signal.SIGKILL)

    def restart_services(self) -> None:
        services.up(self.shop.home)

    # --- waiting and judging

    def rows(self, query: str, **parameters: Any) -> list[Any]:
        with self.engine.connect() as connection:
            return list(connection.execute(sa.text(query), parameters).all())

    def value(self, query: str, **parameters: Any) -> Any:
        return self.rows(query, **parameters)[0][0]

    def done(self) -> int:
        return int(self.value("SELECT count(*) FROM work_items WHERE state IN ('done', 'quarantined')"))

    def wait_until(self, condition: Callable[[], bool], seconds: float, what: str) -> float:
        """Seconds until `condition` held."""
        started = time.monotonic()
        while not condition():
            assert time.monotonic() - started < seconds, (
                f"{what}: not within {seconds:.0f} s; {self.report()}"
            )
            time.sleep(0.05)
        return time.monotonic() - started

    def finish(self, seconds: float = 120) -> Verdict:
        """Wait until nothing is open, stop the workers, and let the oracle judge: nothing lost, nothing doubled."""
        self.wait_until(lambda: self.value(OPEN) == 0, seconds, "work still open")
        self.stop()
        return self.judge()

    def finish_supervised(self, *faults: Fault, environment: dict[str, str] | None = None) -> Verdict:
        """As `finish`; a host that has ended by itself is started again, as systemd or Docker would."""

        def over() -> bool:
            if self.workers[-1].poll() is not None:
                self.start(*faults, environment=environment)
            return bool(self.value(OPEN) == 0)

        self.wait_until(over, 180, "work still open")
        return self.finish()

    def judge(self) -> Verdict:
        for action, at in read_notes(self.folder / "notes"):
            if action != "pause":
                self.fault(action.replace("_", " "))
            if action in DEADLY:
                self.deaths.append(at)
        verdict = judge(self.engine, self.store, frozenset(self.accepted), self.photos)
        self.recovery = slowest_recovery(self.engine, self.deaths)
        self.tally.add(verdict)
        self.tally.recovered(self.name, self.recovery)
        assert not verdict.lost, f"lost {len(verdict.lost)}: {verdict.lost[:5]}; {self.report()}"
        assert not verdict.doubled, f"doubled {len(verdict.doubled)}: {verdict.doubled[:5]}; {self.report()}"
        return verdict

    def report(self) -> str:
        states = self.rows("SELECT state, error_code, count(*), max(attempts) FROM work_items GROUP BY 1, 2")
        return f"states {states}; logs and notes in {self.folder}"

    def log(self, worker: subprocess.Popen[bytes]) -> str:
        return (self.folder / f"worker-{self.workers.index(worker)}.log").read_text(errors="replace")

    def refused(self, worker: subprocess.Popen[bytes]) -> int:
        """Results that came after their lease was lost, by the host's own log."""
        lines = [line for line in self.log(worker).splitlines() if '"chunk done"' in line]
        return sum(json.loads(line)["refused"] for line in lines)

    def stop(self) -> None:
        """End whatever still runs, at once."""
        for worker in self.workers:
            if worker.poll() is None:
                os.killpg(worker.pid, signal.SIGCONT)
                os.killpg(worker.pid, signal.SIGKILL)
                worker.wait(30)


def children(pid: int) -> list[int]:
    """Processes whose parent is `pid`."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found.append(int(stat.parent.name))
    return found
