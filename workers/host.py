"""What a worker host does beside its tasks: log in one format, sweep, watch its processes, and stop when drained."""

from __future__ import annotations

import os
import signal
from typing import Any

import structlog
from celery.apps.worker import Worker
from celery.signals import (
    setup_logging,
    task_rejected,
    task_unknown,
    worker_init,
    worker_process_shutdown,
    worker_ready,
    worker_shutdown,
    worker_shutting_down,
)

from catalog import holds
from catalog.ledger import LANES
from catalog.search import indexing
from models.errors import first_line
from workers import due, keeping, metrics, refusing, scraped, tracing
from workers.celery_app import NIGHT, READ, RETRAIN, CeleryQueue, app, lane_queue, publisher
from workers.embedded.errors import ServiceError
from workers.logs import configure_logs
from workers.nights import NIGHTS
from workers.periodic import Periodic
from workers.pulse import Pulse
from workers.runtime import Runtime
from workers.settings import home, settings
from workers.sweeper import end_jobs, sweep
from workers.watchdog import Watchdog, end_host
from workers.webhooks import Dispatcher

log = structlog.get_logger()

DRAIN = "TAGMILL_DRAIN"  # set by `tagmill worker --drain` for its own process
DRAIN_POLL_SECONDS = 1.0
LAST_WORDS_SECONDS = 15.0  # in which a host that is drained tells webhooks of it
TRAINER = "TAGMILL_TRAINER"  # set by `tagmill trainer` for its own process
TAKE_UP_SECONDS = 300.0
READ_SECONDS, READ_EXPIRES = 10.0, 60.0  # texts for search: asked for, and the message's life
REFUSED_SECONDS = 1.0

_pulses: list[Pulse] = []
_threads: list[Periodic] = []


@setup_logging.connect  # type: ignore[untyped-decorator]
def _logs(**_: Any) -> None:
    configure_logs(settings())


@worker_init.connect  # type: ignore[untyped-decorator]
def _before_the_processes(**_: Any) -> None:
    _pulses.append(Pulse.create(home() / "pulse"))
    os.environ[metrics.OF_HOST] = str(os.getpid())


@worker_ready.connect  # type: ignore[untyped-decorator]
def _start(sender: Any, **_: Any) -> None:
    config = settings()
    runtime = Runtime(config)
    ledger, way_out = runtime.ledger, publisher(runtime)
    dispatcher = Dispatcher(runtime.engine, config.inside_hosts)
    _threads.append(Periodic("sweep", config.sweep_seconds, lambda: sweep(ledger, way_out)))
    _threads.append(Periodic("refused messages", REFUSED_SECONDS, lambda: refusing.write(runtime.engine)))
    _threads.extend(keeping.duties(runtime, dispatcher))
    _threads.append(Periodic("watch", config.stall_seconds / 10, _watchdog(sender).look))
    if os.environ.get(DRAIN):
        _threads.append(
            Periodic("drain", DRAIN_POLL_SECONDS, lambda: _stop_when_drained(runtime, dispatcher))
        )
    if not os.environ.get(TRAINER):
        _threads.append(Periodic("texts", READ_SECONDS, lambda: _read_texts(runtime)))
    take_up = _take_up_trainings if os.environ.get(TRAINER) else _take_up_nights
    _threads.append(Periodic("take up", TAKE_UP_SECONDS, lambda: take_up(runtime)))
    for thread in _threads:
        thread.start()
    if config.metrics_port is not None:
        _serve_metrics(config.metrics_address, config.metrics_port)


@task_unknown.connect  # type: ignore[untyped-decorator]
@task_rejected.connect  # type: ignore[untyped-decorator]
def _refuse(message: Any, exc: Any = None, name: str | None = None, **_: Any) -> None:
    """Sealed by our key, and still nothing for this host, such as a task of a later release."""
    code = "malformed" if name is None else "unknown_task"
    queue = str((message.delivery_info or {}).get("routing_key"))
    body = message.body if isinstance(message.body, bytes) else repr(message.body).encode()
    refusing.note(code, queue, body, first_line(exc) if exc else "")


def _serve_metrics(address: str, port: int) -> None:
    try:
        scraped.serve(address, port, metrics.registry(), settings().metrics_basic_auth)
    except (OSError, ServiceError) as error:  # such as another host's port: work goes on all the same
        log.warning("no metrics are served", address=address, port=port, error=str(error))


def _watchdog(consumer: Any) -> Watchdog:
    config = settings()
    queue = CeleryQueue(app, config)

    def processes() -> dict[int, int]:
        pool = getattr(consumer.pool, "_pool", None)  # None where the pool has no processes of its own
        return {process.index: process.pid for process in getattr(pool, "_pool", [])}

    def waiting() -> int:
        """Messages that this host should get: none where `celery control cancel_consumer` turned it away."""
        ears = consumer.task_consumer  # None while it connects anew
        heard = [lane for lane in LANES if ears is None or ears.consuming_from(lane_queue(config, lane))]
        return sum(queue.depth(lane) for lane in heard)

    return Watchdog(
        _pulses[-1], config.stall_seconds, processes, waiting, lambda: end_host(processes().values())
    )


def _take_up_trainings(runtime: Runtime) -> None:
    """Send anew what a trainer that died or was stopped left behind. A message too many does nothing."""
    for scheduled_for in due.left_behind(runtime, "retrain"):
        app.send_task(RETRAIN, kwargs={"scheduled_for": scheduled_for.isoformat()})


def _take_up_nights(runtime: Runtime) -> None:
    """The same for what workers left behind."""
    for schedule in NIGHTS:
        for scheduled_for in due.left_behind(runtime, schedule):
            app.send_task(NIGHT, kwargs={"schedule": schedule, "scheduled_for": scheduled_for.isoformat()})


def _read_texts(runtime: Runtime) -> None:
    """Let one of the processes read what is new for search, a few seconds of each `READ_SECONDS`."""
    with runtime.engine.connect() as connection:
        waiting = indexing.is_waiting(connection)
    if waiting:
        app.send_task(READ, expires=READ_EXPIRES)


def _stop_when_drained(runtime: Runtime, dispatcher: Dispatcher) -> None:
    if runtime.ledger.has_open_items():
        return
    try:
        with runtime.engine.connect() as connection:
            if paused := holds.paused(connection):
                log.warning("drained, but for jobs on hold: tagmill jobs resume", jobs=paused)
        end_jobs(runtime.ledger)
        dispatcher.flush(LAST_WORDS_SECONDS)
    finally:
        os.kill(os.getpid(), signal.SIGTERM)  # Celery's orderly shutdown


@worker_shutting_down.connect  # type: ignore[untyped-decorator]
def _stop(**_: Any) -> None:
    _ask_to_end()
    for thread in _threads:
        if thread.name != "watch":  # a process may hang in its last chunk
            thread.stop()


class Host(Worker):  # type: ignore[misc]
    """Celery's worker host. A soft shutdown waits for the chunks in hand, and no signal of Celery's tells of it."""

    def wait_for_soft_shutdown(self) -> None:
        _ask_to_end()
        super().wait_for_soft_shutdown()


def _ask_to_end() -> None:
    """Let this host's processes give back what they have not begun."""
    for pulse in _pulses:
        pulse.end()


@worker_shutdown.connect  # type: ignore[untyped-decorator]
def _ended(**_: Any) -> None:
    for pulse in _pulses:
        pulse.remove()


@worker_process_shutdown.connect  # type: ignore[untyped-decorator]
def _process_ended(**_: Any) -> None:
    tracing.flush()  # what is registered with `atexit` is not run in a pool's processes
