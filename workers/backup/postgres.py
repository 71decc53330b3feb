"""pg_dump and pg_restore on the configured database. The password goes through the environment alone."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import sqlalchemy as sa
from psycopg2.extensions import make_dsn

from workers.backup.errors import BackupError

# Extensions often belong to a superuser: they are made where they lack, neither dropped nor commented on.
_EXTENSION = re.compile(r"\d+; \d+ \d+ EXTENSION - ")
_ABOUT_EXTENSIONS = re.compile(r"\d+; \d+ \d+ (COMMENT - )?EXTENSION ")


def server_major(engine: sa.Engine) -> int:
    """The server's major version, such as 18."""
    with engine.connect() as connection:
        return int(connection.execute(sa.text("SHOW server_version_num")).scalar_one()) // 10_000


def dump(program: Path, engine: sa.Engine, snapshot_id: str, path: Path) -> None:
    """Write the whole database, as that snapshot sees it, to `path`. Raises BackupError."""
    arguments = ["--format=custom", f"--snapshot={snapshot_id}", f"--file={path}"]
    _run(program, engine, arguments)


def load(program: Path, engine: sa.Engine, path: Path) -> None:
    """Replace what the dump holds, in one transaction: all of it or nothing. Raises BackupError.

    The role needs to own the database or its tables, no more. Owners and grants are not taken from the dump:
    their roles need not exist here.
    """
    contents = _run(program, engine, ["--list", str(path)], connect=False).splitlines()
    extensions = [line for line in contents if _EXTENSION.match(line)]
    rest = [line for line in contents if not _ABOUT_EXTENSIONS.match(line)]
    foreign = ["--no-owner", "--no-privileges", "--no-publications", "--no-subscriptions"]
    whole = ["--single-transaction", "--exit-on-error", *foreign]
    _load_part(program, engine, path, extensions, whole)
    _load_part(program, engine, path, rest, [*whole, "--clean", "--if-exists"])


def _load_part(
    program: Path, engine: sa.Engine, path: Path, contents: Sequence[str], arguments: Sequence[str]
) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".list") as file:
        file.write("\n".join([*contents, ""]))
        file.flush()
        _run(program, engine, [*arguments, f"--use-list={file.name}", str(path)])


def _run(program: Path, engine: sa.Engine, arguments: Sequence[str], *, connect: bool = True) -> str:
    dsn, environment = _address(engine)
    where = ["--no-password", f"--dbname={dsn}"] if connect else []  # no password: an error, not a question
    done = subprocess.run(
        [str(program), *where, *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        said = " ".join(_without_rows(done.stderr).split())[-600:]
        raise BackupError(f"{program.name} failed: {said or f'it ended with code {done.returncode}'}")
    return done.stdout


def _without_rows(said: str) -> str:
    """Postgres shows the row at which it failed, which may hold the secret of a webhook."""
    return "\n".join(line for line in said.splitlines() if not line.startswith(("DETAIL:", "CONTEXT:")))


def _address(engine: sa.Engine) -> tuple[str, dict[str, str]]:
    """libpq's connection string without the password, and the environment with it."""
    settings = engine.dialect.create_connect_args(engine.url)[1]
    if "sslpassword" in settings:
        raise BackupError(
            "TAGMILL_DATABASE_URL has an sslpassword, which every user of this machine could read in the arguments of "
            "pg_dump: use a key without a password, in a file that is yours alone"
        )
    password = settings.pop("password", None)
    environment = {"PGAPPNAME": "tagmill", "LC_ALL": "C.UTF-8"}
    if password is not None:
        environment["PGPASSWORD"] = str(password)
    return make_dsn(**settings), environment
