"""A backup as a whole: when it is finished, and when it may be restored.

The database comes first: each object that its rows name was put before they were committed, so it is there to copy.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path

import sqlalchemy as sa

from catalog import jobs, migrate
from workers.backup import dump
from workers.backup.objects import Copied, copy_all, to_folder, to_store
from workers.embedded.errors import ServiceError
from workers.runtime import Runtime

DUMP, OBJECTS, DONE = "database.dump", "objects", "backup.json"


def save(runtime: Runtime, folder: Path, tell: Callable[[str], None]) -> Copied:
    """Raises ServiceError, StoreUnavailable; run it again, it goes on where it was."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / DONE).unlink(missing_ok=True)  # from here on, and until the end, it is no backup
    tell("saving the database …")
    dump.dump(runtime.engine.url, folder / DUMP)
    copied = copy_all(
        runtime.engine,
        partial(to_folder, runtime.store, folder / OBJECTS),
        lambda done: tell(f"{done.objects:,} objects, {done.copied:,} copied"),
    )
    facts = {"tagmill": version("tagmill"), "schema": migrate.current(runtime.engine), **asdict(copied)}
    scratch = folder / f"{DONE}.part"
    scratch.write_text(json.dumps({**facts, "at": datetime.now(UTC).isoformat()}, indent=2))
    scratch.replace(folder / DONE)
    return copied


def load(runtime: Runtime, folder: Path, tell: Callable[[str], None]) -> Copied:
    """Raises ServiceError with what to do where the backup is unfinished or the database is in use."""
    _check(runtime, folder)
    tell("restoring the database …")
    dump.restore(runtime.engine.url, folder / DUMP)
    migrate.upgrade(runtime.engine)
    with runtime.engine.begin() as connection:
        jobs.resume_all(connection)
    runtime.store.ensure_bucket()
    return copy_all(
        runtime.engine,
        partial(to_store, runtime.store, folder / OBJECTS),
        lambda done: tell(f"{done.objects:,} objects, {done.copied:,} put back"),
    )


def _check(runtime: Runtime, folder: Path) -> None:
    if not (folder / DONE).exists():
        raise ServiceError(
            f"{folder} holds no finished backup. Run `tagmill backup {folder}` again, or take another."
        )
    schema = json.loads((folder / DONE).read_text())["schema"]
    if schema > migrate.head():
        raise ServiceError(
            f"the backup is of schema {schema}, newer than this release. Upgrade Tagmill first."
        )
    if sa.inspect(runtime.engine).has_table("products"):
        raise ServiceError(
            f"the database {runtime.engine.url.database} is in use. Create an empty one with the extension `vector`, "
            "point TAGMILL_DATABASE_URL at it, and restore again."
        )
