"""Restoring a backup: the objects, then the database that names them, then the work that was under way."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from catalog import migrate, restored
from catalog.locks import hold_sweeps
from catalog.restored import Mended
from workers.backup.errors import BackupError
from workers.backup.folder import BackupFolder
from workers.backup.manifest import Manifest, ObjectList
from workers.backup.objects import Fate, put, read_list
from workers.backup.postgres import load, server_major
from workers.backup.progress import Listener, Silence, tell
from workers.backup.transfer import transfer
from workers.embedded import programs
from workers.runtime import Runtime

# Since this version pg_restore begins with `SET transaction_timeout`, an error to older servers.
_TRANSACTION_TIMEOUT = 17


@dataclass(frozen=True, slots=True)
class Restored:
    """What was restored, and what became of its objects and of the work that was under way."""

    manifest: Manifest
    copied: int
    present: int
    missing: int
    mended: Mended
    seconds: float


def restore(
    runtime: Runtime,
    path: Path,
    *,
    replace: bool = False,
    threads: int = 16,
    listener: Listener | None = None,
) -> Restored:
    """Restore the backup in `path` into the configured database and bucket, and bring it to this release's schema.

    All objects are there before the database is changed. Killed and run again, it goes on. A database of a later
    schema is brought down to the backup's first, in a transaction of its own; what was in it is to be lost anyway.

    Raises:
        BackupError, StoreError, ServiceError (no fitting pg_restore): the database was not restored; run it again.
    """
    started, told = time.monotonic(), listener or Silence()
    folder = BackupFolder(path)
    manifest = folder.manifest()
    told.step("check")
    program = _check(runtime.engine, folder, manifest, replace=replace)
    fates = Counter[Fate]()
    if manifest.objects is not None:
        fates = _objects(runtime, folder, manifest.objects, threads, told)
    told.step("database")
    mended = _database(runtime.engine, program, folder.path / manifest.database.name, manifest)
    seconds = time.monotonic() - started
    return Restored(manifest, fates["copied"], fates["present"], fates["missing"], mended, seconds)


def _check(engine: sa.Engine, folder: BackupFolder, manifest: Manifest, *, replace: bool) -> Path:
    """All that could be wrong, before anything is changed; returns the pg_restore to use."""
    if manifest.revision not in restored.revisions():
        raise BackupError(
            f"the backup is of a newer release, Tagmill {manifest.tagmill} with schema {manifest.revision}; "
            "install that"
        )
    server = server_major(engine)
    if server < manifest.postgres:
        raise BackupError(
            f"the backup is of Postgres {manifest.postgres}, this server is {server}; "
            f"restore into Postgres {manifest.postgres} or newer"
        )
    program = programs.postgres_client("pg_restore", max(server, manifest.pg_dump))
    if server < _TRANSACTION_TIMEOUT <= programs.major_version(program):
        raise BackupError(
            f"{program.name} {programs.major_version(program)} sets what Postgres {server} does not know; restore into "
            f"Postgres {_TRANSACTION_TIMEOUT} or newer, or back up with the pg_dump of Postgres {server} on the PATH"
        )
    _check_target(engine, replace=replace)
    for file in manifest.files:
        if not file.is_whole(folder.path):
            raise BackupError(
                f"{folder.path / file.name} is not the file that was backed up: it is gone, cut short or changed; "
                "fetch it again, or restore another backup"
            )
    return program


def _check_target(engine: sa.Engine, *, replace: bool) -> None:
    target = engine.url.render_as_string()
    if (revision := migrate.current(engine)) not in (None, *restored.revisions()):
        raise BackupError(f"{target} has the schema of a newer release ({revision}); name another database")
    with engine.connect() as connection:
        if restored.has_catalog(connection) and not replace:
            raise BackupError(
                f"{target} holds a catalog already; name an empty database in TAGMILL_DATABASE_URL, "
                "or pass --replace to lose what is there"
            )


def _objects(
    runtime: Runtime, folder: BackupFolder, objects: ObjectList, threads: int, told: Listener
) -> Counter[Fate]:
    runtime.store.ensure_bucket()
    told.step("objects", objects.count)
    return transfer(
        read_list(folder.path / objects.file.name),
        lambda one: put(runtime.store, one, folder.objects),
        threads=threads,
        on_moved=lambda moved: tell(told, moved),
    )


def _database(engine: sa.Engine, program: Path, dump: Path, manifest: Manifest) -> Mended:
    known = restored.revisions()
    current = migrate.current(engine)
    with engine.connect() as guard:
        hold_sweeps(guard)  # one would count attempts, and quarantine
        if current is not None and known.index(current) > known.index(manifest.revision):
            # Tables of later releases would stay behind, and be in the way of the migrations to come.
            migrate.downgrade(engine, manifest.revision)
        load(program, engine, dump)
        migrate.upgrade(engine)
        with engine.begin() as connection:
            mended = restored.mend(connection)
    with engine.begin() as connection:
        connection.execute(sa.text("ANALYZE"))  # a dump has no statistics, and claims are planned by them
    return mended
