"""Objects that no row names: left by an ingest or a worker that died between its upload and its commit.

An ingest holds the lock of uploads shared from its upload to its commit, and the collector holds it alone while it
deletes; so no photo is accepted between the look and the deletion. Masks are guarded by the row lock of their item.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice

import sqlalchemy as sa

from catalog.asset_store import AssetStore
from catalog.errors import CatalogError
from catalog.locks import nothing_uploads

BATCH, DELETED_AT_ONCE = 500, 50
SHOWN = 20
WAIT = "5s"  # for ingests at work

_MASK = re.compile(r"masks/(.+)@(\d{1,9})/(?:../../)?([0-9a-f]{64})\.png")  # masks of old lie in one folder
_IMAGE = re.compile(r"images/../../([0-9a-f]{64})\.\w+")
_THUMBNAIL = re.compile(r"thumbnails/\d+/../../([0-9a-f]{64})\.webp")  # made again when it is looked at


class NoPhotosKnown(CatalogError):
    """Check TAGMILL_DATABASE_URL, or finish the restore: nothing is deleted for an empty database."""


@dataclass
class Orphans:
    """What was found, by kind (`images`, `masks`, `models`, `thumbnails`), its first keys, how many were deleted."""

    looked_at: int = 0
    found: Counter[str] = field(default_factory=Counter)
    keys: list[str] = field(default_factory=list)
    deleted: int = 0


def collect(
    engine: sa.Engine,
    store: AssetStore,
    *,
    older_than: timedelta,
    delete: bool,
    on_progress: Callable[[Orphans], None] = lambda _: None,
) -> Orphans:
    """Look at every object, and delete orphans older than `older_than` if `delete`. Memory is that of one batch.

    Raises NoPhotosKnown, StoreUnavailable or a database error; what was deleted until then were orphans.
    """
    if delete:
        _refuse_an_empty_database(engine)
    total = Orphans()
    before = datetime.now(UTC) - older_than
    for kind in ("images", "masks", "models", "thumbnails"):
        for keys in _batches(store.list(f"{kind}/"), BATCH):
            total.looked_at += len(keys)
            _look(engine, store, kind, keys, before, delete, total)
            on_progress(total)
    return total


def _batches(keys: Iterator[str], size: int) -> Iterator[list[str]]:
    while batch := list(islice(keys, size)):
        yield batch


def _look(
    engine: sa.Engine,
    store: AssetStore,
    kind: str,
    keys: Sequence[str],
    before: datetime,
    delete: bool,
    total: Orphans,
) -> None:
    with engine.connect() as connection:
        suspects = _unnamed(connection, kind, keys)
    old = [key for key in suspects if (changed := store.modified(key)) is not None and changed < before]
    if not old:
        return
    total.found[kind] += len(old)
    total.keys += old[: max(0, SHOWN - len(total.keys))]
    if delete:
        total.deleted += _delete(engine, store, kind, old)


def _delete(engine: sa.Engine, store: AssetStore, kind: str, keys: Sequence[str]) -> int:
    """Under lock, what is still named by no row."""
    deleted = 0
    for some in _batches(iter(keys), DELETED_AT_ONCE):
        with engine.begin() as connection:
            if not nothing_uploads(connection, WAIT):
                break  # the next run finds these again
            if kind == "masks":
                free = set(connection.scalars(_LOCK_ITEMS, _mask_parts(some)))
                some = [key for key in some if key in free]
            for key in _unnamed(connection, kind, some):
                connection.execute(_STILL_HERE)  # a lost connection has lost its locks
                store.delete(key)
                deleted += 1
    return deleted


def _refuse_an_empty_database(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        if not connection.scalar(sa.text("SELECT EXISTS (SELECT FROM images)")):
            raise NoPhotosKnown(
                "the database knows no photo, so every object would be an orphan: check TAGMILL_DATABASE_URL, "
                "or finish the restore"
            )


def _unnamed(connection: sa.Connection, kind: str, keys: Sequence[str]) -> list[str]:
    if kind == "images":
        return list(connection.scalars(_IMAGES, _hashes(_IMAGE, keys)))
    if kind == "thumbnails":
        return list(connection.scalars(_THUMBNAILS, _hashes(_THUMBNAIL, keys)))
    if kind == "masks":
        return list(connection.scalars(_MASKS, _mask_parts(keys)))
    return list(connection.scalars(_MODELS, {"keys": list(keys)}))


def _hashes(pattern: re.Pattern[str], keys: Sequence[str]) -> dict[str, list[str]]:
    found = [match for key in keys if (match := pattern.fullmatch(key))]
    return {"keys": [match[0] for match in found], "hashes": [match[1] for match in found]}


def _mask_parts(keys: Sequence[str]) -> dict[str, list[str] | list[int]]:
    found = [match for key in keys if (match := _MASK.fullmatch(key))]
    return {
        "keys": [match[0] for match in found],
        "names": [match[1] for match in found],
        "numbers": [int(match[2]) for match in found],
        "hashes": [match[3] for match in found],
    }


_STILL_HERE = sa.text("SELECT 1")

_IMAGES = sa.text(
    """
    SELECT o.key FROM unnest(CAST(:keys AS text[]), CAST(:hashes AS text[])) o (key, sha256)
    WHERE NOT EXISTS (SELECT FROM images i WHERE i.sha256 = o.sha256 AND i.object_key = o.key)
    """
)

_THUMBNAILS = sa.text(
    """
    SELECT o.key FROM unnest(CAST(:keys AS text[]), CAST(:hashes AS text[])) o (key, sha256)
    WHERE NOT EXISTS (SELECT FROM images i WHERE i.sha256 = o.sha256)
    """
)

# Named, or about to be: its work item is open, or there is none yet.
_MASKS = sa.text(
    """
    SELECT o.key FROM unnest(CAST(:keys AS text[]), CAST(:names AS text[]), CAST(:numbers AS int[]),
                             CAST(:hashes AS text[])) o (key, name, number, sha256)
    WHERE NOT EXISTS (
        SELECT FROM images i
        JOIN model_versions m ON m.name = o.name AND m.version = o.number
        LEFT JOIN work_items w ON (w.image_id, w.model_version_id) = (i.id, m.id)
        WHERE i.sha256 = o.sha256 AND (
            w.state IS NULL OR w.state IN ('pending', 'leased', 'retry')
            OR EXISTS (SELECT FROM segments s
                       WHERE (s.image_id, s.model_version_id) = (i.id, m.id) AND s.mask_key = o.key)))
    """
)

# The keys whose work is over and that no one is about to open again, and those without any work: SKIP LOCKED, since a
# settlement that waits for these rows would hold up the next one.
_LOCK_ITEMS = sa.text(
    """
    WITH o AS (
        SELECT * FROM unnest(CAST(:keys AS text[]), CAST(:names AS text[]), CAST(:numbers AS int[]),
                             CAST(:hashes AS text[])) o (key, name, number, sha256)
    ), owned AS (
        SELECT o.key, w.image_id, w.model_version_id FROM o
        JOIN images i ON i.sha256 = o.sha256
        JOIN model_versions m ON m.name = o.name AND m.version = o.number
        JOIN work_items w ON (w.image_id, w.model_version_id) = (i.id, m.id)
    ), locked AS (
        SELECT w.image_id, w.model_version_id FROM work_items w JOIN owned USING (image_id, model_version_id)
        FOR UPDATE OF w SKIP LOCKED
    )
    SELECT key FROM owned JOIN locked USING (image_id, model_version_id)
    UNION ALL
    SELECT key FROM o WHERE NOT EXISTS (SELECT FROM owned WHERE owned.key = o.key)
    """
)

_MODELS = sa.text(
    """
    SELECT o.key FROM unnest(CAST(:keys AS text[])) o (key)
    WHERE NOT EXISTS (SELECT FROM model_versions m WHERE m.spec ->> 'weights' = o.key)
    """
)
