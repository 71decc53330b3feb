"""Traces, from an ingest to its rows, told to an OpenTelemetry collector. Names are a contract: docs/monitoring.md.

Without TAGMILL_OTEL_ENDPOINT nothing is imported, and a span costs the look at one variable. With it, spans are told
from a thread, in batches: a collector that is away costs spans, and never work.
"""

from __future__ import annotations

import atexit
import os
import re
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from importlib.util import find_spec
from typing import TYPE_CHECKING

import structlog

from workers.embedded.errors import ServiceError
from workers.settings import Settings

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Tracer

log = structlog.get_logger()

Value = str | int | float | bool | Sequence[str]

TRACEPARENT = "traceparent"
"""The header of a message that names the span which sent it, as W3C's Trace Context has it."""
EXPORT_SECONDS = 3.0
FLUSH_SECONDS = 4.0

HEADERS = ("OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS")
"""Variables of OpenTelemetry's own, in which there may be a collector's password: `name=value`, between commas."""
_HEADER = re.compile(r"\s*[\w!#$%&'*+.^`|~-]+\s*=[\x20-\x7e]*")

_endpoint: str | None = None
_provider: TracerProvider | None = None
_lock = threading.Lock()


def start(config: Settings) -> None:
    """From now on this process, and those it forks, tell the collector of `config`; nobody, where it names none.

    Raises ServiceError where OpenTelemetry is not installed, or its own variables are wrong.
    """
    global _endpoint
    if config.otel_endpoint and not _installed():
        raise ServiceError(
            "TAGMILL_OTEL_ENDPOINT is set, and OpenTelemetry is not installed: pip install 'tagmill[otel]'"
        )
    if config.otel_endpoint and config.otel_endpoint != _endpoint:
        _try(config.otel_endpoint)
    _endpoint = config.otel_endpoint


@contextmanager
def span(name: str, parent: str | None = None, **attributes: Value) -> Iterator[None]:
    """The block as a span, child of the one around it, or of the `parent` that a message's header names."""
    tracer = _tracer()
    if tracer is None:
        yield
        return
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    around = TraceContextTextMapPropagator().extract({TRACEPARENT: parent}) if parent else None
    with tracer.start_as_current_span(name, around, attributes=_named(attributes)):
        yield


def note(**attributes: Value) -> None:
    """Say more of the span that this is in."""
    if _endpoint is not None:
        from opentelemetry.trace import get_current_span

        get_current_span().set_attributes(_named(attributes))


def event(name: str, **attributes: Value) -> None:
    """Something that happened at one moment of the span that this is in."""
    if _endpoint is not None:
        from opentelemetry.trace import get_current_span

        get_current_span().add_event(name, _named(attributes))


def traceparent() -> dict[str, str]:
    """The header that names the span this is in, to go with a message; empty where nothing is traced."""
    found: dict[str, str] = {}
    if _endpoint is not None:
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        TraceContextTextMapPropagator().inject(found)
    return found


def flush() -> None:
    """Tell what is not told yet, before this process ends: `FLUSH_SECONDS` at most, where the collector is away."""
    if _provider is not None:  # its own shutdown waits for each batch that is left
        ending = threading.Thread(target=_provider.shutdown, name="flush traces", daemon=True)
        ending.start()
        ending.join(FLUSH_SECONDS)


def _installed() -> bool:
    """Whether the extra is there; parts of OpenTelemetry come with other libraries too."""
    try:
        return find_spec("opentelemetry.exporter.otlp.proto.http") is not None
    except ModuleNotFoundError:
        return False


def _try(endpoint: str) -> None:
    """Whether a provider can be made is known at the start, and not in the midst of work."""
    for name in HEADERS:
        headers = filter(str.strip, os.environ.get(name, "").split(","))
        if not all(map(_HEADER.fullmatch, headers)):  # which OpenTelemetry would log, password and all
            raise ServiceError(f"correct or unset {name}: it is NAME=VALUE, separated by commas")
    try:
        _make_provider(endpoint).shutdown()
    except ValueError as error:
        raise ServiceError(
            f"correct or unset the variables that begin with OTEL_, which OpenTelemetry does not take: {error}"
        ) from None


def _tracer() -> Tracer | None:
    """None where nothing is traced, or no longer: work goes on without."""
    global _endpoint
    if _endpoint is None:
        return None
    try:
        return _own_provider(_endpoint).get_tracer("tagmill")
    except Exception as error:  # noqa: BLE001 - whatever it is, it is not the work's
        log.warning("tracing is off from here on", error=str(error))
        _endpoint = None
        return None


def _own_provider(endpoint: str) -> TracerProvider:
    """The provider of this process, made at its first span: its thread would not live on in a fork."""
    global _provider
    with _lock:
        if _provider is None:
            _provider = _make_provider(endpoint)
            atexit.register(flush)
        return _provider


def _make_provider(endpoint: str) -> TracerProvider:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    about: dict[str, str | int] = {
        "service.name": "tagmill",
        "service.version": version("tagmill"),
        "host.name": socket.gethostname(),
        "process.pid": os.getpid(),
    }
    made = TracerProvider(resource=Resource.create({**about}), shutdown_on_exit=False)
    made.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint, timeout=EXPORT_SECONDS)))
    return made


def _named(attributes: dict[str, Value]) -> dict[str, Value]:
    return {f"tagmill.{name}": value for name, value in attributes.items()}


def _forget() -> None:
    """After a fork: the parent's provider is the parent's, and its lock may have been held."""
    global _provider, _lock
    _provider, _lock = None, threading.Lock()


os.register_at_fork(after_in_child=_forget)
