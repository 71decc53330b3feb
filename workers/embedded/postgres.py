"""Postgres 18 with pgvector, listening on 127.0.0.1 with a password."""

from __future__ import annotations

import os
import shutil
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import psycopg2

from workers.embedded import launcher, process, programs
from workers.embedded.account import Account
from workers.embedded.errors import ServiceError
from workers.embedded.home import Home, write_private
from workers.embedded.ports import LOOPBACK
from workers.embedded.process import Command

USER = DATABASE = "tagmill"

_SETTINGS = {
    "listen_addresses": LOOPBACK,
    # No socket file: its path may have at most 107 bytes, and a killed server leaves it behind.
    "unix_socket_directories": "",
    "password_encryption": "scram-sha-256",
    "shared_buffers": "512MB",
    "max_connections": "100",
    "fsync": "on",
    "synchronous_commit": "on",
    "max_wal_size": "2GB",
    # Queries here are short; compiling them costs more than it saves.
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] ",
}
# More than any kernel hands out, so surely no process.
_NO_PID = 2**30


@dataclass(frozen=True, slots=True)
class Postgres:
    """The server's folder is `home/postgres`; user and database are both called `tagmill`."""

    home: Home
    account: Account
    password: str
    name: str = "postgres"
    base_port: int = 15432
    # Recovery after a crash reads up to `max_wal_size` again.
    ready_seconds: float = 180.0
    # INT: end connections and stop. QUIT: stop at once, recover on the next start.
    stop_signals: tuple[tuple[signal.Signals, float], ...] = (
        (signal.SIGINT, 30.0),
        (signal.SIGQUIT, 10.0),
        (signal.SIGKILL, 10.0),
    )

    def program(self) -> Path:
        return programs.postgres_folder() / "bin" / "postgres"

    def prepare(self) -> None:
        data = self.home.data(self.name)
        if not (data / "PG_VERSION").exists():
            self._initialise(data)
        self._kill_orphans(data)
        _forget_pid(data / "postmaster.pid")

    def command(self, port: int) -> Command:
        settings = [f"--{name}={value}" for name, value in (_SETTINGS | {"port": str(port)}).items()]
        data = self.home.data(self.name)
        argv = [str(self.program()), "-D", str(data), *settings]
        return Command(argv, data, self.account, needs=self._needs())

    def is_ready(self, port: int) -> bool:
        try:
            psycopg2.connect(self._dsn(port, "postgres")).close()
        except psycopg2.OperationalError as error:
            if "password authentication failed" in str(error):
                raise ServiceError(
                    f"Postgres does not accept the password in {self.home.state_file}. "
                    f"Restore that file, or set a new password for the user `{USER}`."
                ) from error
            return False
        return True

    def finish(self, port: int) -> None:
        connection = psycopg2.connect(self._dsn(port, "postgres"))
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute("select 1 from pg_database where datname = %s", (DATABASE,))
                if cursor.fetchone() is None:
                    cursor.execute(f'create database "{DATABASE}"')
        finally:
            connection.close()

    def url(self, port: int, *, secret: bool) -> str:
        who = f"{USER}:{self.password}" if secret else USER
        return f"postgresql+psycopg2://{who}@{LOOPBACK}:{port}/{DATABASE}"

    def _dsn(self, port: int, database: str) -> str:
        return (
            f"host={LOOPBACK} port={port} user={USER} password={self.password} dbname={database} "
            "connect_timeout=5 application_name=tagmill-up sslmode=disable gssencmode=disable"
        )

    def _needs(self) -> list[Path]:
        folder = programs.postgres_folder()
        return [folder / "share" / "postgresql", folder / "lib" / "postgresql", folder / "bin" / "initdb"]

    def _initialise(self, data: Path) -> None:
        """Makes a new cluster beside its place; moved there once complete, half of one is never used."""
        if data.exists() and any(data.iterdir()):
            raise ServiceError(
                f"{data} is no Postgres data folder and is not empty. Move it away and try again."
            )
        fresh = data.with_name("postgres.new")
        shutil.rmtree(fresh, ignore_errors=True)
        self.account.owns(fresh)
        password = self.home.root / "run" / "password"
        write_private(password, self.password)
        log = self.home.log(self.name)
        try:
            self.account.give(password)
            argv = [
                str(programs.postgres_folder() / "bin" / "initdb"),
                "-D",
                str(fresh),
                f"--username={USER}",
            ]
            argv += [f"--pwfile={password}", "--auth=scram-sha-256", "--encoding=UTF8", "--no-instructions"]
            # The same order of letters on every machine, whatever locales it has.
            argv += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
            needs = [*self._needs(), password]
            if process.run(Command(argv, fresh, self.account, needs=needs), log) != 0:
                raise ServiceError(f"Postgres could not make its data folder.\n{self._process().tail()}")
        finally:
            password.unlink(missing_ok=True)
        if data.exists():
            data.rmdir()
        fresh.rename(data)

    def _process(self) -> process.ServerProcess:
        return process.ServerProcess(self.name, self.home.record(self.name), self.home.log(self.name))

    def _kill_orphans(self, data: Path) -> None:
        """Ends what a killed Postgres left running: it would keep the next one from starting.

        Such processes are found by their working folder. Where there is no /proc, Postgres refuses to start
        until they have ended by themselves.
        """
        if not (data / "postmaster.pid").exists():
            return
        orphans = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                if (entry / "cwd").samefile(data) and (entry / "exe").readlink().name.startswith("postgres"):
                    os.kill(int(entry.name), signal.SIGKILL)
                    orphans.append(int(entry.name))
            except OSError:
                continue
        deadline = time.monotonic() + 10
        while any(map(launcher.identity, orphans)) and time.monotonic() < deadline:
            time.sleep(0.01)


def _forget_pid(path: Path) -> None:
    """Makes the pid file of a dead server harmless.

    Its pid may belong to a stranger by now, or to a zombie that nobody has reaped: Postgres would take either
    for itself and refuse to start. The file is not removed, since Postgres reads in it which shared memory to
    check for processes still at work.
    """
    try:
        _, *rest = path.read_text().splitlines(keepends=True)
    except (FileNotFoundError, ValueError):
        return
    path.write_text("".join([f"{_NO_PID}\n", *rest]))
