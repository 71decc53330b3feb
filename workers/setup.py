"""Make a database and a bucket ready for this release. Doing it again changes nothing."""

from __future__ import annotations

from pathlib import Path

from catalog import migrate
from models.starter.pack import starter_specs
from workers import registry
from workers.runtime import Runtime


def prepare(runtime: Runtime) -> list[str]:
    """Migrate, create the bucket, register the starter pack; returns the models that were new."""
    migrate.upgrade(runtime.engine)
    runtime.store.ensure_bucket()
    added = []
    for spec in starter_specs():
        version, new = registry.add(runtime.engine, runtime.store, spec, Path(spec.weights))
        if new:
            added.append(version.key)
    return added
