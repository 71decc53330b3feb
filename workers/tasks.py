"""The Celery tasks: each is a few lines that call the real code."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import Any, ClassVar

import structlog
import torch
from billiard.process import current_process
from celery import Task
from celery.exceptions import Ignore
from pydantic import ValidationError
from redis import Redis
from sqlalchemy.exc import SQLAlchemyError

from catalog import rates
from catalog.ledger import Lane
from catalog.search import Meaning
from models.errors import DeviceFailed
from workers import arguments, due, reading, refusing, tracing
from workers.celery_app import NIGHT, READ, RETRAIN, app, lane_queue, publisher
from workers.device import check, device_of, worker_shape
from workers.fetching import Fetcher
from workers.lanes import GiveWay
from workers.model_cache import HostUnfit, ModelCache, compiler_of
from workers.nights import NIGHTS
from workers.pipeline import Pipeline, Report
from workers.pulse import LifeSign, own_pulse
from workers.retry import RetryPolicy
from workers.runtime import Runtime
from workers.settings import Settings, settings
from workers.storing import Storer
from workers.sweeper import sweep

log = structlog.get_logger()

EXIT_DEVICE = 74  # EX_IOERR of sysexits.h
UNFIT_SECONDS = 30.0
READING_SECONDS = 4.0


class Checked(Task):  # type: ignore[misc]
    """A task that begins with the arguments it takes and with no others: such a message is put aside."""

    arguments: ClassVar[type[arguments.Arguments]] = arguments.Arguments

    def before_start(self, _id: str, args: Any, kwargs: dict[str, Any]) -> None:
        """Celery's hook. Raises Ignore, upon which the message is acknowledged."""
        try:
            self.arguments.model_validate(kwargs | {"args": args} if args else kwargs)
        except ValidationError as error:
            queue = str((self.request.delivery_info or {}).get("routing_key"))
            reason = f"{self.name}: {arguments.sentence(error)}"
            refusing.note("malformed", queue, repr(kwargs).encode(), reason)
            refusing.write(runtime().engine)  # in a process of a pool no thread does it
            raise Ignore from None


@app.task(name="tagmill.process_chunk", base=Checked, arguments=arguments.Chunk)  # type: ignore[untyped-decorator]
def process_chunk(job_id: int, image_ids: list[int], lane: Lane = "backlog") -> None:
    """Run the models over a chunk of photos: ids in, rows out."""
    sender = process_chunk.request.get(tracing.TRACEPARENT)
    with (
        structlog.contextvars.bound_contextvars(job=job_id),
        tracing.span("process_chunk", sender, job=job_id, lane=lane, photos=len(image_ids)),
        pulse().busy(),
    ):
        try:
            report = fit_pipeline().run(image_ids, lane)
        except HostUnfit as error:
            log.critical("this host is unfit and leaves its work to others", error=str(error))
            with pulse().slowly(
                UNFIT_SECONDS
            ):  # or it would take every message, faster than those who can work
                time.sleep(UNFIT_SECONDS)
            raise
        except DeviceFailed as error:
            log.critical("device failed; this process ends", error=str(error))
            os._exit(EXIT_DEVICE)  # an orderly end would wait for the device
        log.info("chunk done", images=report.worked, refused=report.refused, seconds=round(report.seconds, 3))
        _record(report)


def _record(report: Report) -> None:
    """For forecasts; that it could not be kept harms no photo."""
    if not report.worked:
        return
    try:
        with runtime().engine.begin() as connection:
            rates.record(connection, report.worked, report.seconds, report.versions)
    except SQLAlchemyError as error:
        log.warning("rate not recorded", error=str(error))


@app.task(name="tagmill.sweep", base=Checked)  # type: ignore[untyped-decorator]
def sweep_task() -> None:
    """Take back expired leases and publish what no message carries."""
    sweep(runtime().ledger, publisher(runtime()))


@app.task(name=RETRAIN, base=Checked, arguments=arguments.Retraining)  # type: ignore[untyped-decorator]
def retrain_task(scheduled_for: str) -> None:
    """Train from the catalog and publish a candidate. It is not `busy`: hours without progress are no stall."""
    from workers.training.retraining import retrain

    retrain(runtime(), datetime.fromisoformat(scheduled_for), pulse().ending)


@app.task(name=NIGHT, base=Checked, arguments=arguments.Night)  # type: ignore[untyped-decorator]
def night_task(schedule: str, scheduled_for: str) -> None:
    """Do what a schedule asks. It is not `busy`: a manifest or a bucket may take hours."""
    due.run(runtime(), NIGHTS[schedule], datetime.fromisoformat(scheduled_for), pulse().ending)


@app.task(name=READ, base=Checked)  # type: ignore[untyped-decorator]
def read_task() -> None:
    """Read some texts for search, for a few seconds: photos come first."""
    reading.read(runtime(), text_embedder(), seconds=READING_SECONDS)


@cache
def text_embedder() -> Meaning | None:
    """The text embedder of this process, loaded at its first text."""
    return reading.meaning(settings())


@cache
def runtime() -> Runtime:
    """The database and store of this process, opened at its first task: after the fork."""
    return Runtime(settings())


@cache
def pulse() -> LifeSign:
    """The sign of life of this process, made after the fork."""
    return own_pulse(process_index())


def process_index() -> int:
    """Which of its host's processes this is, counted from 0."""
    return int(getattr(current_process(), "index", 0))


def fit_pipeline() -> Pipeline:
    """The pipeline, if its device works. Nothing is claimed before: a sick host must not use up attempts."""
    try:
        return pipeline()
    except DeviceFailed as error:
        raise HostUnfit(str(error)) from error


@cache
def pipeline() -> Pipeline:
    """The pipeline of this process, made at its first chunk: after the fork, on its own device."""
    config = settings()
    shape = worker_shape(config)
    torch.set_num_threads(shape.threads)
    own = runtime()
    policy = RetryPolicy(config.max_attempts)
    device = device_of(shape, process_index())
    check(device)
    return Pipeline(
        own.ledger,
        ModelCache(own.engine, own.store, config.weights_cache, device, compiler_of(config, shape)),
        Fetcher(own.store, own.limits, config.fetch_threads, pulse()),
        Storer(own.ledger, own.store, policy, config.fetch_threads, pulse()),
        policy,
        store_batch=config.store_batch,
        beat_seconds=config.lease_seconds / 3,
        top_up_to=config.store_batch,
        pulse=pulse(),
        makes_way=_way_of(config),
    )


def _way_of(config: Settings) -> Callable[[], bool]:
    """How this process's chunks make way; a host that does not hear of what is fresh need not."""
    fresh = lane_queue(config, "fresh")
    if fresh not in app.amqp.queues.consume_from:
        return lambda: False
    url = config.redis_url.get_secret_value()
    return GiveWay(Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1), fresh)
