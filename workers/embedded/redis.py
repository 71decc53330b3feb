"""Redis (or Valkey) on 127.0.0.1 with a password; every write reaches the disk within a second."""

from __future__ import annotations

import contextlib
import signal
import socket
from dataclasses import dataclass
from pathlib import Path

from workers.embedded import programs
from workers.embedded.account import Account
from workers.embedded.errors import ServiceError
from workers.embedded.home import Home, write_private
from workers.embedded.ports import LOOPBACK
from workers.embedded.process import Command


@dataclass(frozen=True, slots=True)
class Redis:
    """The server's folder is `home/redis`."""

    home: Home
    account: Account
    password: str
    name: str = "redis"
    base_port: int = 16379
    ready_seconds: float = 120.0
    stop_signals: tuple[tuple[signal.Signals, float], ...] = ((signal.SIGTERM, 20.0), (signal.SIGKILL, 10.0))

    def program(self) -> Path:
        return programs.redis_server()

    def prepare(self) -> None:
        self.account.owns(self.home.data(self.name))

    def command(self, port: int) -> Command:
        data = self.home.data(self.name)
        # In a file, since everybody may read the arguments of a process. The folder is `.`, so that no
        # character of its path needs quoting.
        lines = [
            f"bind {LOOPBACK}",
            "protected-mode yes",
            f"port {port}",
            f"requirepass {self.password}",
            "dir .",
            "appendonly yes",
            "appendfsync everysec",
            'save ""',
            "maxmemory-policy noeviction",
            "proto-max-bulk-len 1mb",  # what comes out of it comes whole into a worker's memory
            "tcp-keepalive 60",
            "daemonize no",
            'logfile ""',
        ]
        file = data / "redis.conf"
        write_private(file, "\n".join(lines) + "\n")
        self.account.give(file)
        return Command([str(self.program()), str(file)], data, self.account)

    def is_ready(self, port: int) -> bool:
        with (
            contextlib.suppress(OSError),
            socket.create_connection((LOOPBACK, port), timeout=5) as connection,
        ):
            connection.sendall(f"AUTH {self.password}\r\nPING\r\n".encode())
            answer = b""
            while answer.count(b"\r\n") < 2 and (part := connection.recv(1024)):
                answer += part
            if answer.startswith((b"-WRONGPASS", b"-ERR")):
                raise ServiceError(
                    f"Redis on port {port} does not accept the password in {self.home.state_file}. "
                    "Run `tagmill down`, then `tagmill up`."
                )
            # While it reads its file after a start, it answers -LOADING.
            return b"+PONG" in answer
        return False

    def finish(self, port: int) -> None:
        del port  # nothing is left to do

    def url(self, port: int, *, secret: bool) -> str:
        who = f":{self.password}@" if secret else ""
        return f"redis://{who}{LOOPBACK}:{port}/0"
