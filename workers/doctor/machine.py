"""This machine: libraries, settings that do not fit together, free space."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from workers.doctor.finding import Finding, judge
from workers.runtime import Runtime
from workers.settings import Settings, home

_TIGHT, _FULL = 2_000_000_000, 200_000_000


def check(runtime: Runtime) -> Iterator[Finding]:
    yield from _libraries()
    yield from _settings(runtime.settings)
    for folder in {_existing(home()), _existing(runtime.settings.weights_cache)}:
        yield _space(folder)


def _libraries() -> Iterator[Finding]:
    for name in ("celery", "kombu"):
        found = version(name)
        fine = tuple(int(part) for part in found.split(".")[:2]) >= (5, 7)
        yield judge(
            "library_version",
            fine,
            f"{name} {found}",
            f"pip install '{name}>=5.7': older ones stall.",
            "fail",
        )


def _settings(config: Settings) -> Iterator[Finding]:
    yield judge(
        "sweep_interval",
        config.sweep_seconds <= config.lease_seconds,
        f"a sweep every {config.sweep_seconds:g} s, a lease of {config.lease_seconds:g} s",
        "Set TAGMILL_SWEEP_SECONDS below TAGMILL_LEASE_SECONDS: a dead worker's photos wait for both.",
    )
    yield judge(
        "stall_interval",
        config.stall_seconds >= config.lease_seconds,
        f"a process may make no progress for {config.stall_seconds:g} s",
        "Set TAGMILL_STALL_SECONDS above TAGMILL_LEASE_SECONDS: loading a model makes no progress either.",
    )


def _existing(folder: Path) -> Path:
    return next(path for path in (folder, *folder.parents) if path.exists())


def _space(folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free
    remedy = "Free some space, or set TAGMILL_HOME or TAGMILL_CACHE_DIR to a folder on another disk."
    return judge(
        "free_space",
        free >= _TIGHT,
        f"{free / 1e9:.1f} GB are free in {folder}",
        remedy,
        "fail" if free < _FULL else "warn",
    )
