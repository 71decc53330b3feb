"""Make a database and a bucket ready for this release. Doing it again changes nothing."""

from __future__ import annotations

from pathlib import Path

from catalog import migrate, parts
from models.starter.pack import starter_specs
from workers import registry
from workers.runtime import Runtime


def _set_roles(runtime: Runtime) -> None:
    """One transaction: all parts have their password, or none has."""
    passwords = runtime.settings.passwords_of_parts
    with runtime.engine.begin() as connection:
        for part, password in passwords.items():
            parts.set_password(connection, part, password)
        if {"worker", "ingest"} <= passwords.keys():
            parts.let_worker_ingest(connection, bool(runtime.settings.reprocess_manifest))


def prepare(runtime: Runtime) -> list[str]:
    """Migrate, set roles, create the bucket, register the starter pack; returns the models that were new."""
    migrate.upgrade(runtime.engine)
    _set_roles(runtime)
    runtime.store.ensure_bucket()
    added = []
    for spec in starter_specs():
        version, new = registry.add(runtime.engine, runtime.store, spec, Path(spec.weights))
        if new:
            added.append(version.key)
    return added
