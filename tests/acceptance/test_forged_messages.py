"""A real worker host, and messages that nobody of ours sent."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

from redis import Redis

from tests.acceptance.conftest import EACH, System
from tests.acceptance.photos import write_catalog

NOTHING = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
CHUNK = {"job_id": 1, "image_ids": [1]}


def forged(body: bytes | list[Any], kind: str = "application/json", **headers: Any) -> bytes:
    """A message as Celery writes it, but for the seal."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return json.dumps(
        {
            "body": base64.b64encode(data).decode(),
            "content-type": kind,
            "content-encoding": "utf-8",
            "headers": {"task": "tagmill.process_chunk", "id": "forged", "lang": "py", **headers},
            "properties": {
                "delivery_tag": "forged",
                "body_encoding": "base64",
                "delivery_info": {"exchange": "", "routing_key": "any"},
            },
        }
    ).encode()


def strangers(touched: Path) -> list[bytes]:
    """Most of them ended a host that looked into them, or had it do what they say."""
    gadget = f"cos\nsystem\n(S'touch {touched}'\ntR.".encode()
    return [
        b"\xff\xfe\0garbage",
        b"7",
        b"{}",
        b"[" * 100_000 + b"]" * 100_000,
        forged([[], CHUNK, NOTHING]),
        forged(gadget, "application/x-python-serialize"),
        forged([[], CHUNK, NOTHING], timelimit="abc"),
        forged([[], CHUNK, NOTHING], timelimit=[1e-9, 1e-9]),
        forged([[], CHUNK, NOTHING], id=[1]),
        forged([[], CHUNK, NOTHING], eta="9999-12-31T23:59:59"),
        forged([[], CHUNK, 7]),
        forged([[], CHUNK, {**NOTHING, "chain": [{"task": "celery.map", "args": [], "kwargs": {}}]}]),
        forged(zlib.compress(b"0" * 200_000_000), compression="zlib"),
        forged([[], CHUNK, NOTHING]).replace(b'"base64"', b'"none"'),
        forged([[], CHUNK, NOTHING]).replace(b'"headers": {', b'"headers": [], "others": {'),
    ]


# By somebody who holds the key, such as a later release: arguments and tasks that this one does not know.
SENDS = """
from workers.celery_app import app
chunk = {"job_id": 1, "image_ids": [1]}
for wrong in (
    {"job_id": "1"}, {"image_ids": [2**70]}, {"image_ids": "1"}, {"image_ids": [[1]]}, {"image_ids": [1.5]},
    {"image_ids": []}, {"image_ids": list(range(1, 5001))}, {"image_ids": [-1]}, {"lane": "express"}, {"more": 1},
):
    app.send_task("tagmill.process_chunk", kwargs=chunk | wrong)
app.send_task("tagmill.process_chunk", args=[1, [1]])
app.send_task("tagmill.process_chunk")
app.send_task("tagmill.night", kwargs={"schedule": "none", "scheduled_for": "2026-01-01T00:00:00+00:00"})
app.send_task("tagmill.night", kwargs={"schedule": "collect", "scheduled_for": "yesterday"})
app.send_task("tagmill.sweep", kwargs={"more": 1})
app.send_task("celery.map", args=[{"task": "tagmill.sweep"}, [1]])
app.send_task("tagmill.of_tomorrow")
"""
MALFORMED, UNKNOWN = 15, 2


def test_a_worker_lives_through_forged_messages_and_tells_of_them(system: System, tmp_path: Path) -> None:
    worker = system.start_worker("--concurrency", "1", sweep_seconds="1")
    touched = tmp_path / "touched"
    messages = strangers(touched)
    queue = system.environment["TAGMILL_QUEUE"]
    system.json("ingest", str(write_catalog(tmp_path / "catalog", 3)))
    system.wait_for(lambda: done(system) > 0, 120)
    with Redis.from_url(system.environment["TAGMILL_REDIS_URL"]) as client:
        for message in messages:
            client.rpush(f"{queue}.2.backlog", message)
        client.rpush(f"{queue}.0.sweep", forged([[], {}, NOTHING], task="tagmill.sweep"))
        shutdown = {
            "method": "shutdown",
            "arguments": {},
            "destination": None,
            "pattern": None,
            "matcher": None,
        }
        client.publish("/0.celery.pidbox", forged(json.dumps(shutdown).encode()))
    subprocess.run([sys.executable, "-c", SENDS], env=system.environment, check=True, timeout=60)
    counted = {"not_sealed": len(messages) + 2, "malformed": MALFORMED, "unknown_task": UNKNOWN}
    system.wait_for(lambda: refused(system) == counted, 60)
    system.json("ingest", str(write_catalog(tmp_path / "more", 3, start=3)))
    system.wait_for(lambda: done(system) == 6 * EACH, 120)
    assert worker.poll() is None
    assert not touched.exists()
    assert "pong" in ping(system)  # our own remote control goes on
    findings = [one for one in system.json("doctor", expect=1) if one["code"] == "refused_messages"]
    assert {one["level"] for one in findings} == {"warn"}
    assert len(findings) == 3


def done(system: System) -> int:
    return int(system.value("SELECT count(*) FROM work_items WHERE state = 'done'"))


def refused(system: System) -> dict[str, int]:
    return dict(system.rows("SELECT code, count(*) FROM refused_messages GROUP BY 1"))  # type: ignore[arg-type]


def ping(system: System) -> str:
    command = [
        sys.executable,
        "-m",
        "celery",
        "-A",
        "workers.celery_app",
        "inspect",
        "ping",
        "--timeout",
        "10",
    ]
    return subprocess.run(command, env=system.environment, capture_output=True, text=True, check=True).stdout


def test_another_key_costs_a_sweep_and_no_photo(system: System, tmp_path: Path) -> None:
    """Messages under the key of before are refused; their photos are published again."""
    system.json("ingest", str(write_catalog(tmp_path / "catalog", 3)))
    system.drain(sweep_seconds="1", message_key="the key that is right from now on")
    assert done(system) == 3 * EACH
    assert set(refused(system)) == {"not_sealed"}
