"""What those who watch are told of real workers: Flower's tasks, and one trace from an ingest to its rows."""

from __future__ import annotations

import base64
import json
import re
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from catalog.asset_store import S3AssetStore
from tests.acceptance.conftest import TAGMILL, System
from tests.acceptance.photos import write_catalog
from tests.acceptance.test_jobs import free_port
from tests.workers.collector import Collector, attributes

PHOTOS = 40
PASSWORD = "watch:out-for-me"


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()
    yield made
    made.close()


class Flower:
    def __init__(self, port: int) -> None:
        self._base = f"http://127.0.0.1:{port}"

    def ask(self, path: str, password: str = PASSWORD) -> str:
        request = urllib.request.Request(self._base + path)
        request.add_header("Authorization", f"Basic {base64.b64encode(password.encode()).decode()}")
        with urllib.request.urlopen(request, timeout=10) as answer:
            return str(answer.read().decode())

    def answers(self) -> bool:
        try:
            return "Flower" in self.ask("/workers")
        except OSError:
            return False

    def chunks(self, state: str) -> list[dict[str, Any]]:
        tasks = json.loads(self.ask("/api/tasks")).values()
        return [t for t in tasks if t["name"] == "tagmill.process_chunk" and t["state"] == state]


@contextmanager
def flower_of(system: System) -> Iterator[Flower]:
    port = free_port()
    process = subprocess.Popen(
        [*TAGMILL, "flower", "--port", str(port)],
        env={**system.environment, "TAGMILL_FLOWER_BASIC_AUTH": PASSWORD},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        made = Flower(port)
        system.wait_for(made.answers)
        yield made
    finally:
        process.terminate()
        process.wait(20)


def test_flower_names_chunks_by_job_and_photos_and_tells_no_secret(system: System, tmp_path: Path) -> None:
    with flower_of(system) as flower:
        manifest = write_catalog(tmp_path / "catalog", PHOTOS)
        job = system.json("ingest", str(manifest), "--model", "product-type", "--fresh")["job_id"]
        system.start_worker("-c", "1")
        system.wait_for(lambda: bool(flower.chunks("SUCCESS")))
        first, last = system.rows("SELECT min(id), max(id) FROM images")[0]
        (chunk,) = flower.chunks("SUCCESS")
        assert chunk["args"] == f"job {job}, {PHOTOS} photos (ids {first} to {last}), fresh"
        assert chunk["kwargs"] == ""
        pages = [flower.ask(path) for path in ("/tasks", "/broker", f"/task/{chunk['uuid']}", "/api/workers")]
        assert re.search(r">\s*args\s*<", pages[0])
        assert f"{system.environment['TAGMILL_QUEUE']}.1.fresh" in pages[1]
        pages.append(flower.ask("/api/workers?refresh=1"))  # asks them by remote control
        assert "broker_transport_options" in pages[-1]
        for name in ("DATABASE_URL", "REDIS_URL", "S3_SECRET_KEY", "MESSAGE_KEY"):
            value = system.environment[f"TAGMILL_{name}"]
            secret = value.rpartition("@")[0].rpartition(":")[2] or value
            assert secret not in "".join(pages)
        for path in ("/api/tasks", "/tasks", "/metrics", "/broker"):
            with pytest.raises(urllib.error.HTTPError) as refused:
                flower.ask(path, "watch:wrong")
            assert refused.value.code == 401, path
            refused.value.close()


def test_one_trace_leads_from_an_ingest_to_its_rows(
    system: System, store: S3AssetStore, collector: Collector, tmp_path: Path
) -> None:
    manifest = write_catalog(tmp_path / "catalog", PHOTOS)
    system.environment["TAGMILL_OTEL_ENDPOINT"] = collector.endpoint
    models = ("--model", "product-type", "--model", "product-mask")
    job = system.json("ingest", str(manifest), *models)["job_id"]
    (ingest,) = collector.named("ingest")
    assert attributes(ingest) == {"tagmill.job": job, "tagmill.rows": PHOTOS, "tagmill.photos": PHOTOS}
    missing, key = system.rows("SELECT id, object_key FROM images ORDER BY id LIMIT 1")[0]
    store.delete(key)

    worker = system.start_worker("-c", "1")
    done = "SELECT count(*) FROM work_items WHERE state = 'done'"
    system.wait_for(lambda: system.value(done) == 2 * (PHOTOS - 1), 120)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(60) == 0

    trace = [span for span in collector.spans if span.trace_id == ingest.trace_id]
    (publish,), (chunk,) = named(trace, "publish"), named(trace, "process_chunk")
    assert publish.parent_span_id == ingest.span_id
    assert chunk.parent_span_id == publish.span_id
    told = attributes(chunk)
    assert (told["tagmill.job"], told["tagmill.lane"], told["tagmill.photos"]) == (job, "backlog", PHOTOS)
    versions = [value.string_value for value in told["tagmill.models"].values]
    assert versions == ["product-mask@1", "product-type@1"]
    for stage in ("claim", "wait", "infer", "masks", "settle"):
        assert {span.parent_span_id for span in named(trace, stage)} == {chunk.span_id}, stage
    failed = [attributes(event) for span in named(trace, "infer") for event in span.events]
    assert {event["tagmill.image"] for event in failed} == {missing}
    assert {event["tagmill.code"] for event in failed} == {"object_missing"}


def named(spans: list[Span], name: str) -> list[Span]:
    return [span for span in spans if span.name == name]
