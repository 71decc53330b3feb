"""The database as one file, by `pg_dump` and `pg_restore`."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import sqlalchemy as sa

from workers.embedded import programs
from workers.embedded.errors import ServiceError


def dump(url: sa.URL, file: Path) -> None:
    """A consistent snapshot, written whole or not at all. Raises ServiceError."""
    scratch = file.with_suffix(".part")
    _run("pg_dump", url, ["--format=custom", "--no-owner", "--no-privileges", f"--file={scratch}"])
    scratch.replace(file)


def restore(url: sa.URL, file: Path) -> None:
    """All of it or, after an error, nothing. Raises ServiceError."""
    _run(
        "pg_restore",
        url,
        ["--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges", str(file)],
    )


def _run(program: str, url: sa.URL, arguments: list[str]) -> None:
    environment = {
        **os.environ,
        "PGHOST": url.host or "",
        "PGPORT": str(url.port or 5432),
        "PGUSER": url.username or "",
        "PGPASSWORD": str(url.password or ""),
        **{f"PG{name.upper()}": str(value) for name, value in url.query.items() if name == "sslmode"},
    }
    argv = [str(programs.client(program)), f"--dbname={url.database}", *arguments]
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise ServiceError(f"{program} failed: {said[0] if said else done.returncode}. Nothing was changed.")
