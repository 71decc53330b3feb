"""Canaries in every secret, real processes at their most talkative, and trouble of all kinds: nobody tells one."""

from __future__ import annotations

import http.client
import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa

from catalog import webhooks
from catalog.asset_store import S3AssetStore
from catalog.events import Event
from tests.acceptance.conftest import TAGMILL, System
from tests.acceptance.photos import write_catalog
from tests.acceptance.test_serve import free_port
from workers.web import keys

CELERY = [sys.executable, "-m", "celery", "-A", "workers.celery_app"]
HEADER, FLOWER = "canaryheader4711", "canaryflower4711"
WRONG = {
    "TAGMILL_DATABASE_URL": "postgresql+psycopg2://tagmill:canarypg%2F4711@{postgres}/tagmill",
    "TAGMILL_REDIS_URL": "redis://:canaryredis%404711@{redis}/0",
    "TAGMILL_S3_ACCESS_KEY": "canaryaccess4711",
    "TAGMILL_S3_SECRET_KEY": "canarys3secret4711",
}
PHOTOS = 24


class Listener:
    """Processes, and all that they say."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._folder = folder
        self._environment = environment
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, argv: list[str]) -> None:
        with (self._folder / f"{name}.said").open("wb") as said:
            self._running[name] = subprocess.Popen(
                argv,
                env=self._environment,
                stdout=said,
                stderr=said,
                stdin=subprocess.DEVNULL,
            )

    def wait(self, *names: str, seconds: float = 240) -> None:
        for name in names:
            self._running.pop(name).wait(seconds)

    def end(self) -> None:
        for process in self._running.values():
            process.send_signal(signal.SIGTERM)
        for process in self._running.values():
            with suppress(subprocess.TimeoutExpired):
                process.wait(5)
            process.kill()
            process.wait()

    def said(self) -> dict[str, str]:
        return {file.stem: file.read_text(errors="replace") for file in self._folder.glob("*.said")}


def arguments() -> str:
    """Those of every process on this machine, as everybody may read them."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:  # it has just ended
            continue
    return "\n".join(found)


def told(texts: dict[str, str], secrets: Iterable[str]) -> set[str]:
    return {
        f"{name}: {line[:300]}"
        for name, text in texts.items()
        for line in text.splitlines()
        if any(secret in line for secret in secrets)
    }


def password(url: str) -> str:
    return re.findall(r":([^:@/]+)@", url)[0]


@pytest.mark.timeout(600)
def test_processes_that_run_well_and_badly_tell_no_secret(
    system: System, store: S3AssetStore, tmp_path: Path
) -> None:
    key, entry = keys.new("anna", "write")
    system.environment |= {
        "TAGMILL_LOG_LEVEL": "DEBUG",
        "TAGMILL_FLOWER_BASIC_AUTH": f"watch:{FLOWER}",
        "TAGMILL_API_KEYS": entry,
        "TAGMILL_WEBHOOK_HOSTS": "127.0.0.1",
        "TAGMILL_OTEL_ENDPOINT": f"http://127.0.0.1:{free_port()}",
        "OTEL_EXPORTER_OTLP_HEADERS": f"authorization=Basic%20{HEADER}",
    }
    with system.engine.begin() as connection:
        hook = webhooks.add(connection, f"http://127.0.0.1:{free_port()}/", [Event.JOB_DONE])
    web, flower, exporter = free_port(), free_port(), free_port()
    listener = Listener(tmp_path, system.environment)
    listener.start("serve", [*TAGMILL, "serve", "--port", str(web)])
    listener.start("flower", [*TAGMILL, "flower", "--port", str(flower)])
    listener.start("exporter", [*TAGMILL, "exporter", "--port", str(exporter)])
    listener.start("beat", [*CELERY, "beat", "--schedule", str(tmp_path / "beat")])
    listener.start("worker", [*TAGMILL, "worker", "-c", "1"])
    try:
        manifest = write_catalog(tmp_path / "catalog", PHOTOS)
        listener.start("ingest", [*TAGMILL, "ingest", str(manifest), "--model", "product-type"])
        listener.wait("ingest")
        store.delete(system.value("SELECT min(object_key) FROM images"))
        with system.engine.begin() as connection:  # every connection breaks, and then a statement fails
            connection.execute(sa.text("ALTER TABLE webhook_deliveries RENAME COLUMN attempts TO tries"))
            connection.execute(
                sa.text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE "
                    "datname = current_database() AND pid <> pg_backend_pid()"
                )
            )
        done = "SELECT count(*) FROM work_items WHERE state = 'done'"
        system.wait_for(lambda: system.value(done) > 0 and "does not exist" in listener.said()["worker"], 240)
        for port in (web, flower, exporter):
            system.wait_for(partial(is_open, port), 120)
        pages = {f"{port}{path}": asked(port, path, key) for port, path in (
            (web, "/"), (web, f"/api/v1/models?key={key}"), (web, "/api/v1/jobs"), (web, "/login"),
            (flower, "/workers"), (flower, "/api/workers?refresh=1"), (exporter, "/metrics"),
        )}  # fmt: skip
        listener.start("report", [*CELERY, "report"])
        listener.start("inspect", [*CELERY, "inspect", "conf", "--timeout", "5"])
        listener.start("status", [*TAGMILL, "status", "--json"])
        listener.wait("report", "inspect", "status")
        shown = arguments()
    finally:
        listener.end()
    secrets = [
        *(password(system.environment[f"TAGMILL_{name}_URL"]) for name in ("DATABASE", "REDIS")),
        *(system.environment[f"TAGMILL_S3_{name}_KEY"] for name in ("ACCESS", "SECRET")),
        *(HEADER, FLOWER, key, hook.secret),
    ]
    said = listener.said()
    assert all(said.values()), "each says something"
    assert not told({**said, **pages, "arguments": shown}, secrets)


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def asked(port: int, path: str, key: str) -> str:
    """An answer to somebody with a key, and one with a wrong key that is nearly it; whatever they are."""
    answers = []
    for authorization in (f"Bearer {key}", f"Bearer x{key}"):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        headers = {"Authorization": authorization, "Content-Type": "application/x-www-form-urlencoded"}
        connection.request("POST" if path == "/login" else "GET", path, f"key=x{key}", headers)
        answers.append(connection.getresponse().read().decode(errors="replace"))
        connection.close()
    return "\n".join(answers)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("where", ["locked out", "nobody there"])
def test_processes_that_are_turned_away_tell_no_secret(system: System, where: str, tmp_path: Path) -> None:
    there = {name: re.findall(r"@([^/]+)/", system.environment[f"TAGMILL_{setting}_URL"])[0]
             for name, setting in (("postgres", "DATABASE"), ("redis", "REDIS"))}  # fmt: skip
    nowhere = f"127.0.0.1:{free_port()}"
    places = there if where == "locked out" else dict.fromkeys(there, nowhere)
    system.environment |= {name: value.format(**places) for name, value in WRONG.items()}
    system.environment |= {"TAGMILL_LOG_LEVEL": "DEBUG"}
    if where == "nobody there":
        system.environment["TAGMILL_S3_ENDPOINT"] = f"http://{nowhere}"
    listener = Listener(tmp_path, system.environment)
    listener.start("beat", [*CELERY, "beat", "--schedule", str(tmp_path / "beat")])
    listener.start("worker", [*TAGMILL, "worker", "-c", "1"])
    commands = {
        "status": ["status", "--json"],
        "doctor": ["doctor", "--json"],
        "drain": ["worker", "--drain"],
        "ingest": ["ingest", str(write_catalog(tmp_path / "catalog", 1))],
        "serve": ["serve", "--port", str(free_port())],
    }
    try:
        for name, command in commands.items():
            listener.start(name, [*TAGMILL, *command])
        listener.wait(*commands)
        shown = arguments()
        system.wait_for(lambda: "onnect" in listener.said()["worker"], 240)
    finally:
        listener.end()
    said = listener.said()
    assert all(said.values()), "each says something"
    assert json.loads(said["status"])["services"]
    assert "Traceback" not in said["ingest"] + said["doctor"] + said["drain"] + said["serve"]
    assert not told({**said, "arguments": shown}, ["canary"])
