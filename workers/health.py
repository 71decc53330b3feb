"""Whether the services answer: looked at from outside, wherever they run."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import redis
import sqlalchemy as sa

from workers.runtime import Runtime

PATIENCE = 5.0  # Prometheus gives up a scrape after ten


@dataclass(frozen=True, slots=True)
class ServiceHealth:
    """A service that answers, or why it does not; `detail` never holds a secret."""

    name: str
    ok: bool
    detail: str


def probe(runtime: Runtime, patience: float = PATIENCE) -> list[ServiceHealth]:
    """Ask Postgres, Redis and the object store, all at once; who does not answer within `patience` seconds is away."""
    config = runtime.settings
    database = sa.make_url(config.database_url.get_secret_value())
    queue = sa.make_url(config.redis_url.get_secret_value())
    services: list[tuple[str, str, Callable[[Runtime], None]]] = [
        ("postgres", database.render_as_string(hide_password=True), _postgres),
        ("redis", queue.render_as_string(hide_password=True), _redis),
        ("s3", f"{config.s3_endpoint}/{config.s3_bucket}", _s3),
    ]
    pool = ThreadPoolExecutor(len(services), "probe")
    asked = [(name, where, pool.submit(ask, runtime)) for name, where, ask in services]
    until = time.monotonic() + patience
    found = [_answer(name, where, future, until, patience) for name, where, future in asked]
    pool.shutdown(wait=False)  # its clients give up in their own time
    return found


def _answer(name: str, where: str, future: Future[None], until: float, patience: float) -> ServiceHealth:
    try:
        future.result(max(0.0, until - time.monotonic()))
    except TimeoutError:
        return ServiceHealth(name, False, f"{where}: no answer within {patience:g} s")
    except Exception as error:  # noqa: BLE001 - any failure to answer is the answer
        return ServiceHealth(name, False, f"{where}: {str(error).strip().splitlines()[0]}")
    return ServiceHealth(name, True, where)


def _postgres(runtime: Runtime) -> None:
    with runtime.engine.connect() as connection:
        connection.execute(sa.text("SELECT 1"))


def _redis(runtime: Runtime) -> None:
    url = runtime.settings.redis_url.get_secret_value()
    with redis.Redis.from_url(url, socket_timeout=5, socket_connect_timeout=5) as client:
        client.ping()


def _s3(runtime: Runtime) -> None:
    runtime.store.exists("models/none")
