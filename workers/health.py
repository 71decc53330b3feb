"""Whether the services answer: looked at from outside, wherever they run."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass

import redis
import sqlalchemy as sa

from models.errors import first_line
from workers.runtime import Runtime

PATIENCE = 5.0  # Prometheus gives up a scrape after ten


@dataclass(frozen=True, slots=True)
class ServiceHealth:
    """A service that answers, or why it does not; `detail` never holds a secret."""

    name: str
    ok: bool
    detail: str


def probe(runtime: Runtime, patience: float = PATIENCE) -> list[ServiceHealth]:
    """One look at the services, see `Probes`."""
    return Probes(runtime).look(patience)


class Probes:
    """Asks Postgres, Redis and the object store, again and again; a service that hangs is asked no second time.

    They are asked by daemon threads: their clients give up in their own time, and no process waits for that at its end.
    """

    def __init__(self, runtime: Runtime) -> None:
        config = runtime.settings
        self._runtime = runtime
        self._services: dict[str, tuple[str, Callable[[Runtime], None]]] = {
            "postgres": (_shown(config.database_url.get_secret_value()), _postgres),
            "redis": (_shown(config.redis_url.get_secret_value()), _redis),
            "s3": (f"{config.s3_endpoint}/{config.s3_bucket}", _s3),
        }
        self._asked: dict[str, Future[None]] = {}
        self._lock = threading.Lock()

    def look(self, patience: float = PATIENCE) -> list[ServiceHealth]:
        """How the services are, all asked at once; who does not answer within `patience` seconds is away."""
        asked = [(name, where, self._ask(name, ask)) for name, (where, ask) in self._services.items()]
        until = time.monotonic() + patience
        return [_answer(name, where, future, until, patience) for name, where, future in asked]

    def _ask(self, name: str, ask: Callable[[Runtime], None]) -> Future[None]:
        with self._lock:
            found = self._asked.get(name)
            if found is None or found.done():
                found = self._asked[name] = Future()
                asking = threading.Thread(
                    target=_settle, args=(found, ask, self._runtime), name=f"probe {name}", daemon=True
                )
                asking.start()
            return found


def _settle(future: Future[None], ask: Callable[[Runtime], None], runtime: Runtime) -> None:
    try:
        ask(runtime)
    except Exception as error:  # noqa: BLE001 - any failure to answer is the answer
        future.set_exception(error)
    else:
        future.set_result(None)


def _answer(name: str, where: str, future: Future[None], until: float, patience: float) -> ServiceHealth:
    try:
        future.result(max(0.0, until - time.monotonic()))
    except TimeoutError:
        return ServiceHealth(name, False, f"{where}: no answer within {patience:g} s")
    except Exception as error:  # noqa: BLE001 - as above
        return ServiceHealth(name, False, f"{where}: {first_line(error)}")
    return ServiceHealth(name, True, where)


def _shown(url: str) -> str:
    """Without a password, be it in the query."""
    return sa.make_url(url).set(query={}).render_as_string(hide_password=True)


def _postgres(runtime: Runtime) -> None:
    with runtime.engine.connect() as connection:
        connection.execute(sa.text("SELECT 1"))


def _redis(runtime: Runtime) -> None:
    url = runtime.settings.redis_url.get_secret_value()
    with redis.Redis.from_url(url, socket_timeout=5, socket_connect_timeout=5) as client:
        client.ping()


def _s3(runtime: Runtime) -> None:
    runtime.store.exists("models/none")
