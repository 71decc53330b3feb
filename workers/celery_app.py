"""The Celery application. `celery -A workers.celery_app worker` and `tagmill worker` run the same thing."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from celery import Celery
from celery.beat import BeatLazyFunc
from kombu.entity import Queue
from redis import Redis

from catalog.ledger import LANES, Chunk, Lane
from workers import cron, tracing
from workers.publisher import Publisher
from workers.runtime import Runtime
from workers.sealing import NotSealed, Seal
from workers.settings import Settings, settings

PUBLISHED_AT = "published_at"  # header of a message: Postgres' time, ISO 8601
RETRAIN, NIGHT, READ = "tagmill.retrain", "tagmill.night", "tagmill.read_texts"
VISIBILITY_TIMEOUT = 3600  # seconds until Redis hands an unacknowledged message to another worker


def configure(app: Celery, config: Settings) -> Celery:
    """Celery on Redis, set up so that a lost or doubled message costs time and nothing else."""
    # Apart from the chunks: a sweep need not wait behind them, and `CeleryQueue.depth` counts chunks only.
    sweeps = f"{config.queue}.0.sweep"
    lanes = {lane: lane_queue(config, lane) for lane in LANES}
    app.conf.update(
        broker_url=config.redis_url.get_secret_value(),
        broker_transport_options={
            "seal": Seal(config.message_key),  # not the key: people are shown these
            "visibility_timeout": VISIBILITY_TIMEOUT,
            "unacked_restore_throttle": 1,
            "queue_order_strategy": "workers.lanes:LaneCycle",
            "socket_timeout": 30,
            "socket_keepalive": True,
            "health_check_interval": 25,
        },
        broker_connection_max_retries=None,
        broker_connection_retry_on_startup=True,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        task_default_queue=lanes["backlog"],
        # That of the trainer is for `tagmill trainer` alone. Flower needs them as objects.
        task_queues=[_queue(name) for name in (sweeps, *lanes.values())],
        task_routes={
            "tagmill.sweep": {"queue": sweeps},
            NIGHT: {"queue": sweeps},
            READ: {"queue": sweeps},
            RETRAIN: {"queue": train_queue(config)},
        },
        task_serializer="json",
        accept_content=["json"],
        task_ignore_result=True,
        result_expires=None,  # or beat would send word to clear up results, of which there are none
        task_acks_late=True,
        task_reject_on_worker_lost=False,  # the ledger brings the work back, in smaller chunks
        worker_prefetch_multiplier=1,
        worker_soft_shutdown_timeout=30,
        worker_max_memory_per_child=config.max_memory_mb and config.max_memory_mb * 1024,
        worker_send_task_events=True,
        task_send_sent_event=True,
        worker_hijack_root_logger=False,
        timezone="UTC",
        imports=["workers.tasks", "workers.host"],
        beat_schedule=_beat(config),
    )
    return app


def _queue(name: str) -> Queue:
    return Queue(name, routing_key=name)  # type: ignore[no-untyped-call]


def lane_queue(config: Settings, lane: Lane) -> str:
    """The queue of a lane."""
    return f"{config.queue}.{1 + LANES.index(lane)}.{lane}"


def train_queue(config: Settings) -> str:
    """The queue that only `tagmill trainer` listens to."""
    return f"{config.queue}.train"


def _beat(config: Settings) -> dict[str, dict[str, Any]]:
    """What beat sends. Of two beats both send what is scheduled, with the same time it is due."""
    seconds = config.sweep_seconds
    found: dict[str, dict[str, Any]] = {
        "sweep": {"task": "tagmill.sweep", "schedule": seconds, "options": {"expires": seconds}}
    }
    for name, at in config.schedules.items():
        due: dict[str, Any] = {"scheduled_for": BeatLazyFunc(cron.latest, at)}
        task, arguments = (RETRAIN, due) if name == "retrain" else (NIGHT, {"schedule": name, **due})
        found[name] = {"task": task, "schedule": cron.parse(at), "kwargs": arguments}
    return found


class Tagmill(Celery):  # type: ignore[misc]
    """Celery, whose worker hosts are our own."""

    @cached_property
    def Worker(self) -> type:  # noqa: N802 - Celery's name
        worker: type = self.subclass_with_self("workers.host:Host", name="Worker")
        return worker


app = configure(Tagmill("tagmill"), settings())


@app.on_after_finalize.connect  # type: ignore[untyped-decorator]
def _ours_alone(sender: Celery, **_: Any) -> None:
    """Celery's own tasks, such as celery.map, run what their arguments name."""
    for name in [name for name in sender.tasks if name.startswith("celery.")]:
        sender.tasks.unregister(name)


tracing.start(settings())  # whatever process this is: workers, those who publish, beat


class CeleryQueue:
    """The queue of chunks, on the application's broker. Raises RedisError at once where Redis does not answer."""

    def __init__(self, application: Celery, config: Settings) -> None:
        self._app = application
        self._config = config
        self._seal = Seal(config.message_key)

    def depth(self, lane: Lane) -> int:
        return int(self._redis.llen(lane_queue(self._config, lane)))

    def waiting_since(self, lane: Lane) -> datetime | None:
        queue = lane_queue(self._config, lane)
        oldest: bytes | None = self._redis.lindex(queue, -1)  # type: ignore[assignment]  # workers take from the right
        return None if oldest is None else self._published_at(queue, oldest)

    def send(self, chunks: Iterable[Chunk]) -> None:
        with self._app.connection_for_write() as connection, self._app.amqp.Producer(connection) as producer:
            for chunk in chunks:
                photos = len(chunk.image_ids)
                with tracing.span("publish", job=chunk.job_id, lane=chunk.lane, photos=photos):
                    self._send(chunk, producer)

    def _send(self, chunk: Chunk, producer: Any) -> None:
        arguments: dict[str, Any] = {
            "job_id": chunk.job_id,
            "image_ids": chunk.image_ids,
            "lane": chunk.lane,
        }
        self._app.send_task(
            "tagmill.process_chunk",
            kwargs=arguments,
            argsrepr=describe(chunk),
            kwargsrepr="",  # told by the other, which Flower shows beside it
            headers={PUBLISHED_AT: chunk.published_at.isoformat(), **tracing.traceparent()},
            producer=producer,
            queue=lane_queue(self._config, chunk.lane),
        )

    def _published_at(self, queue: str, message: bytes) -> datetime:
        """Of one that is none of ours, the beginning of time: then nothing counts as published before it."""
        try:
            return datetime.fromisoformat(
                json.loads(self._seal.open(queue, message))["headers"][PUBLISHED_AT]
            )
        except (NotSealed, ValueError, KeyError, TypeError):
            return datetime.min.replace(tzinfo=UTC)

    @cached_property
    def _redis(self) -> Redis:
        url = self._config.redis_url.get_secret_value()
        return Redis.from_url(url, socket_timeout=10, socket_connect_timeout=10)


def describe(chunk: Chunk) -> str:
    """A chunk as people read it, in Flower and in events: `job 12, 128 photos (ids 101 to 240), backlog`."""
    first, last = min(chunk.image_ids), max(chunk.image_ids)
    ids = f"id {first}" if first == last else f"ids {first} to {last}"
    photos = "photo" if len(chunk.image_ids) == 1 else "photos"
    return f"job {chunk.job_id}, {len(chunk.image_ids)} {photos} ({ids}), {chunk.lane}"


def publisher(runtime: Runtime) -> Publisher:
    """The way from a runtime's ledger to the queue."""
    config = runtime.settings
    queue = CeleryQueue(app, config)
    return Publisher(runtime.ledger, queue, chunk_size=config.chunk_size, max_published=config.max_published)
