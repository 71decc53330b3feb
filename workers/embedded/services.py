"""`up`, `down` and `status` of the embedded services."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from workers.embedded import account, ports, programs
from workers.embedded.errors import ServerExitedError, ServiceError
from workers.embedded.home import Home, write_private
from workers.embedded.postgres import Postgres
from workers.embedded.process import ServerProcess
from workers.embedded.redis import Redis
from workers.embedded.s3 import BUCKET, S3
from workers.embedded.server import Server
from workers.embedded.state import State

_T = TypeVar("_T")
_NAMES = ("postgres", "redis", "s3")
_FREE_BYTES_NEW, _FREE_BYTES = 400_000_000, 50_000_000
_STARTS = 3


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where the services answer, secrets included."""

    database_url: str
    redis_url: str
    s3_endpoint: str
    s3_access_key: str
    s3_secret_key: str
    s3_bucket: str
    message_key: str

    def environment(self) -> dict[str, str]:
        """The same as `TAGMILL_*` settings."""
        return {
            "TAGMILL_DATABASE_URL": self.database_url,
            "TAGMILL_REDIS_URL": self.redis_url,
            "TAGMILL_S3_ENDPOINT": self.s3_endpoint,
            "TAGMILL_S3_ACCESS_KEY": self.s3_access_key,
            "TAGMILL_S3_SECRET_KEY": self.s3_secret_key,
            "TAGMILL_S3_BUCKET": self.s3_bucket,
            "TAGMILL_MESSAGE_KEY": self.message_key,
        }


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """One service; `unhealthy` runs but does not answer. Before the first `up` there is no URL."""

    name: str
    state: Literal["running", "unhealthy", "stopped"]
    pid: int | None
    url_without_secret: str | None
    version: str
    log: Path


def up(home: str | os.PathLike[str] | None = None) -> Endpoints:
    """Starts what does not run and writes `services.env`. Calling it again changes nothing.

    Blocks until all services answer. Raises `ServiceError` with a remedy.
    """
    place = Home.at(home)
    place.prepare()
    with place.lock():
        owner = account.for_servers(place)
        state = State.load(place)
        servers = _servers(place, owner, state)
        if any(_process(place, server).pid() is None for server in servers):
            _check_space(place)
        state.save()
        with ports.chosen_by_one():
            _all_at_once(lambda server: _start(place, server, state), servers)
        endpoints = _endpoints(servers, state)
        lines = [f"{name}={value}\n" for name, value in endpoints.environment().items()]
        write_private(place.env_file, "".join(lines))
        return endpoints


def down(home: str | os.PathLike[str] | None = None) -> list[str]:
    """Stops what runs, keeps all data, returns the names of what it stopped. Raises `ServiceError`."""
    place = Home.at(home)
    if not (place.root / "run").exists():
        return []
    with place.lock():
        servers = _servers(place, account.for_servers(place), State.load(place))
        stopped = _all_at_once(lambda server: _process(place, server).stop(server.stop_signals), servers)
        return [server.name for server, did in zip(servers, stopped, strict=True) if did]


def status(home: str | os.PathLike[str] | None = None) -> list[ServiceStatus]:
    """Looks at each service and changes nothing. Raises `ServiceError` when the folder is unreadable."""
    place = Home.at(home)
    state = State.load(place)
    servers = _servers(place, account.for_servers(place), state)
    return _all_at_once(lambda server: _status(place, server, state), servers)


def _servers(home: Home, owner: account.Account, state: State) -> list[Server]:
    secrets = state.secrets
    return [
        Postgres(home, owner, secrets["postgres"]),
        Redis(home, owner, secrets["redis"]),
        S3(home, owner, secrets["s3_access"], secrets["s3"]),
    ]


def _process(home: Home, server: Server) -> ServerProcess:
    return ServerProcess(server.name, home.record(server.name), home.log(server.name))


def _start(home: Home, server: Server, state: State) -> None:
    process = _process(home, server)
    known = state.ports.get(server.name)
    if process.pid() is not None and known is not None:
        # One that is just dying is no error: it is started anew below.
        with contextlib.suppress(ServerExitedError):
            _finish(process, server, known, process.log_size())
            return
    server.program()
    process.stop(server.stop_signals)
    server.prepare()
    for attempt in range(1, _STARTS + 1):
        port = ports.choose(state.ports.get(server.name), server.base_port)
        state.remember_port(server.name, port)
        log_from = process.log_size()
        process.start(server.command(port))
        try:
            _finish(process, server, port, log_from)
        except ServerExitedError:
            # Somebody else may have taken the port just before the server did.
            if attempt == _STARTS or ports.is_free(port):
                raise
        else:
            return


def _finish(process: ServerProcess, server: Server, port: int, log_from: int) -> None:
    process.wait_ready(lambda: server.is_ready(port), server.ready_seconds, log_from)
    server.finish(port)


def _status(home: Home, server: Server, state: State) -> ServiceStatus:
    process = _process(home, server)
    pid, port = process.pid(), state.ports.get(server.name)
    verdict: Literal["running", "unhealthy", "stopped"] = "stopped"
    if pid is not None:
        verdict = "running" if port is not None and _answers(server, port) else "unhealthy"
    try:
        version = programs.version(server.program())
    except ServiceError:
        version = "not installed"
    url = None if port is None else server.url(port, secret=False)
    return ServiceStatus(server.name, verdict, pid, url, version, process.log)


def _answers(server: Server, port: int) -> bool:
    try:
        return server.is_ready(port)
    except ServiceError:
        return False


def _endpoints(servers: list[Server], state: State) -> Endpoints:
    postgres, redis, s3 = (server.url(state.ports[server.name], secret=True) for server in servers)
    known = state.secrets
    return Endpoints(postgres, redis, s3, known["s3_access"], known["s3"], BUCKET, known["messages"])


def _check_space(home: Home) -> None:
    wanted = _FREE_BYTES if home.data("postgres").exists() else _FREE_BYTES_NEW
    free = shutil.disk_usage(home.root).free
    if free < wanted:
        raise ServiceError(
            f"{home.root} has {free // 1_000_000} MB of free space and needs {wanted // 1_000_000} MB. "
            "Free some space, or set TAGMILL_HOME to a folder on another disk."
        )


def _all_at_once(action: Callable[[Server], _T], servers: list[Server]) -> list[_T]:
    """Does it to all servers at the same time; when some fail, one `ServiceError` tells of all of them."""
    with ThreadPoolExecutor(len(servers)) as pool:
        futures = [pool.submit(action, server) for server in servers]
    failures = [error for future in futures if (error := future.exception()) is not None]
    unexpected = [error for error in failures if not isinstance(error, ServiceError)]
    if unexpected:
        raise unexpected[0]
    if failures:
        raise ServiceError("\n".join(str(error) for error in failures))
    return [future.result() for future in futures]
