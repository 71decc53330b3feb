"""Whether the services answer: looked at from outside, wherever they run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import redis
import sqlalchemy as sa

from workers.runtime import Runtime


@dataclass(frozen=True, slots=True)
class ServiceHealth:
    """A service that answers, or why it does not; `detail` never holds a secret."""

    name: str
    ok: bool
    detail: str


def probe(runtime: Runtime) -> list[ServiceHealth]:
    """Ask Postgres, Redis and the object store."""
    config = runtime.settings
    database = sa.make_url(config.database_url.get_secret_value())
    queue = sa.make_url(config.redis_url.get_secret_value())
    return [
        _check("postgres", database.render_as_string(hide_password=True), lambda: _postgres(runtime)),
        _check("redis", queue.render_as_string(hide_password=True), lambda: _redis(runtime)),
        _check("s3", f"{config.s3_endpoint}/{config.s3_bucket}", lambda: _s3(runtime)),
    ]


def _check(name: str, where: str, ask: Callable[[], None]) -> ServiceHealth:
    try:
        ask()
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
