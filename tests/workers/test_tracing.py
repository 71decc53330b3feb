"""Traces as a collector gets them: what is told, of which process, and that a collector that is away harms nothing."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from tests.workers.collector import Collector, attributes
from workers import metrics, tracing
from workers.embedded.errors import ServiceError
from workers.settings import Settings


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()
    yield made
    made.close()


TOLD = """
import os
from workers import metrics, tracing
from workers.settings import Settings

tracing.start(Settings())
with tracing.span("publish", job=3, photos=2):
    header = tracing.traceparent()[tracing.TRACEPARENT]
if os.fork() == 0:
    with tracing.span("process_chunk", header, job=3):
        tracing.note(models=["a@1", "b@2"])
        with metrics.stage("infer"):
            tracing.event("photo failed", image=7, code="truncated")
    tracing.flush()
    os._exit(0)
os.wait()
print(os.getpid())
"""


def run(program: str, endpoint: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **environment, "TAGMILL_OTEL_ENDPOINT": endpoint},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )


def test_a_fork_tells_of_its_own_spans_in_the_trace_of_who_sent_it(
    tagmill_environment: dict[str, str], collector: Collector
) -> None:
    done = run(TOLD, collector.endpoint, tagmill_environment)
    (publish,), (chunk,), (infer,) = map(collector.named, ("publish", "process_chunk", "infer"))
    assert publish.trace_id == chunk.trace_id == infer.trace_id
    assert (chunk.parent_span_id, infer.parent_span_id) == (publish.span_id, chunk.span_id)
    assert attributes(publish) == {"tagmill.job": 3, "tagmill.photos": 2}
    models = [value.string_value for value in attributes(chunk)["tagmill.models"].values]
    assert models == ["a@1", "b@2"]
    (failed,) = infer.events
    assert failed.name == "photo failed"
    assert attributes(failed) == {"tagmill.image": 7, "tagmill.code": "truncated"}
    assert len(collector.pids) == 2
    assert int(done.stdout) in collector.pids


AWAY = """
import time
from workers import tracing
from workers.settings import Settings

tracing.start(Settings())
began = time.perf_counter()
for _ in range(5000):
    with tracing.span("process_chunk"):
        pass
print(time.perf_counter() - began)
"""


def test_a_collector_that_is_away_blocks_nothing(tagmill_environment: dict[str, str]) -> None:
    began = time.monotonic()
    done = run(AWAY, "http://127.0.0.1:1", tagmill_environment)
    assert float(done.stdout) < 15  # one that waited for each would take hours
    assert time.monotonic() - began < 50


FLUSHED = AWAY.replace("print(", "tracing.flush()\nprint(")


def test_the_end_waits_a_few_seconds_for_a_collector_that_hangs(tagmill_environment: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        done = run(FLUSHED, f"http://127.0.0.1:{silent.getsockname()[1]}", tagmill_environment)
    assert float(done.stdout) < 8  # the batches of a full queue would take 15 s


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("OTEL_BSP_MAX_QUEUE_SIZE", "256", "max_queue_size"),
        ("OTEL_BSP_SCHEDULE_DELAY", "-1", "schedule_delay"),
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "x", "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT"),
    ],
)
def test_a_mistake_in_its_own_variables_is_told_at_the_start(
    name: str, value: str, reason: str, tagmill_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAGMILL_OTEL_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv(name, value)
    with pytest.raises(ServiceError, match=f"begin with OTEL_.*{reason}"):
        tracing.start(Settings())


BROKEN = """
import os
from workers import tracing
from workers.settings import Settings

tracing.start(Settings())
os.environ["OTEL_BSP_SCHEDULE_DELAY"] = "-1"
for number in range(2):
    with tracing.span("process_chunk"):
        tracing.note(models=["a@1"])
        print("work", number)
"""


def test_tracing_that_fails_is_switched_off_and_work_goes_on(tagmill_environment: dict[str, str]) -> None:
    done = run(BROKEN, "http://127.0.0.1:1", tagmill_environment)
    assert "work 0" in done.stdout
    assert "work 1" in done.stdout
    assert done.stdout.count("tracing is off from here on") == 1


OFF = """
import sys
from workers import metrics, tracing
with tracing.span("ingest"), metrics.stage("infer"):
    tracing.note(models=["a@1"])
    tracing.event("photo failed")
    assert tracing.traceparent() == {}
assert not [name for name in sys.modules if name.startswith("opentelemetry.exporter")]  # redis looks for the rest
"""


def test_without_a_collector_nothing_is_imported(tagmill_environment: dict[str, str]) -> None:
    subprocess.run([sys.executable, "-c", OFF], check=True)


def test_an_endpoint_without_the_extra_is_an_error_that_names_it(
    tagmill_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAGMILL_OTEL_ENDPOINT", "http://127.0.0.1:4318")
    for name in ("opentelemetry.exporter.otlp.proto", "opentelemetry.exporter.otlp.proto.http"):
        monkeypatch.setitem(sys.modules, name, None)  # as if it were not installed
    with pytest.raises(ServiceError, match=r"pip install 'tagmill\[otel\]'"):
        tracing.start(Settings())


@pytest.mark.parametrize("given", ["http://c:4318", "http://c:4318/", "http://c:4318/v1/traces"])
def test_the_endpoint_may_be_written_with_its_path(
    given: str, tagmill_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAGMILL_OTEL_ENDPOINT", given)
    assert Settings().otel_endpoint == "http://c:4318/v1/traces"


def test_stages_are_timed_with_or_without_a_trace() -> None:
    assert list(metrics.timed("wait", iter([1, 2]))) == [1, 2]


@pytest.mark.parametrize("name", tracing.HEADERS)
def test_headers_that_are_none_are_refused_unseen(
    name: str,
    tagmill_environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """OpenTelemetry would write them into the log."""
    monkeypatch.setenv("TAGMILL_OTEL_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv(name, "tenant=shop, canary-password")
    with pytest.raises(ServiceError, match=name) as caught:
        tracing.start(Settings())
    assert "canary" not in f"{caught.value} {caplog.text}"
