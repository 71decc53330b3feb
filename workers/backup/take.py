"""Taking a backup: the database, then the objects that it names."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from workers.backup.folder import DUMP, KEYS, BackupFolder
from workers.backup.manifest import Manifest, ObjectList, SealedFile
from workers.backup.objects import Fate, fetch, read_list
from workers.backup.postgres import dump, server_major
from workers.backup.progress import Listener, Silence, tell
from workers.backup.snapshot import snapshot
from workers.backup.transfer import transfer
from workers.embedded import programs
from workers.runtime import Runtime


@dataclass(frozen=True, slots=True)
class Taken:
    """A finished backup, and how many objects were copied, present before, or missing."""

    manifest: Manifest
    copied: int
    present: int
    missing: int
    seconds: float


def take(
    runtime: Runtime,
    path: Path,
    *,
    objects: bool = True,
    threads: int = 16,
    listener: Listener | None = None,
) -> Taken:
    """Back up the configured database, and with `objects` what it names in the bucket, into the folder `path`.

    Killed at any moment and run again, it goes on. Until it is finished, the folder is no backup: keep another.

    Raises:
        BackupError, StoreError, ServiceError (no fitting pg_dump).
    """
    started, told = time.monotonic(), listener or Silence()
    server = server_major(runtime.engine)
    program = programs.postgres_client("pg_dump", server)
    folder = BackupFolder(path)
    with folder.writing():
        dumped, listed = folder.partial / "dump", folder.partial / "objects"
        told.step("database")
        with snapshot(runtime.engine) as moment:
            counts = moment.counts()
            count = moment.list_objects(listed)
            dump(program, runtime.engine, moment.id, dumped)
        # The snapshot is given up here: held for hours, it would keep vacuum from its work.
        fates = _objects(runtime, folder, listed, count, threads, told) if objects else Counter[Fate]()
        database = SealedFile.seal(dumped, DUMP)
        names = SealedFile.seal(listed, KEYS)
        manifest = Manifest(
            tagmill=version("tagmill"),
            revision=moment.revision,
            postgres=server,
            pg_dump=programs.major_version(program),
            taken_at=moment.taken_at,
            finished_at=datetime.now(UTC),
            counts=counts,
            database=database,
            objects=ObjectList(file=names, count=count, missing=fates["missing"]) if objects else None,
        )
        if not objects:
            listed.unlink()
        made = {database.name: dumped} | ({names.name: listed} if objects else {})
        folder.finish(manifest, made)
    return Taken(manifest, fates["copied"], fates["present"], fates["missing"], time.monotonic() - started)


def _objects(
    runtime: Runtime, folder: BackupFolder, listed: Path, count: int, threads: int, told: Listener
) -> Counter[Fate]:
    told.step("objects", count)
    return transfer(
        read_list(listed),
        lambda one: fetch(runtime.store, one, folder.objects, folder.partial),
        threads=threads,
        on_moved=lambda moved: tell(told, moved),
    )
