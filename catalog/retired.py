"""Results of retired versions, removed when nobody will want them back: their masks first, then their rows.

Versions and their weights stay, so that a run can make the results anew. Killed anywhere, the next run goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta

import sqlalchemy as sa

from catalog import locks, versions
from catalog.asset_store import AssetStore, mask_key
from catalog.versions import Version

BATCH, THREADS = 500, 8
RESULTS = ("classifications", "detections", "segments", "embeddings")


@dataclass
class Collected:
    """Versions whose results were removed, work items (a photo for a version) and masks."""

    versions: list[str] = field(default_factory=list)
    items: int = 0
    masks: int = 0


def collect(
    engine: sa.Engine,
    store: AssetStore,
    *,
    grace: timedelta,
    on_progress: Callable[[Collected], None] = lambda _: None,
) -> Collected:
    """Remove the results of versions that were retired longer than `grace` ago, and their work items.

    Items that a job still has to do, or a worker holds, stay until they are over.
    Raises StoreUnavailable or a database error; what was removed until then is gone as a whole, photo by photo.
    """
    total = Collected()
    with engine.connect() as connection:
        due = [versions.find(connection, key) for key in connection.scalars(_DUE, {"grace": grace}).all()]
    with ThreadPoolExecutor(THREADS, "collect") as pool:
        for version in due:
            after: int | None = 0
            before = total.items
            while after is not None:
                with engine.begin() as connection:
                    after = _batch(connection, store, pool, version, grace, after, total)
                on_progress(total)
            if total.items > before:
                total.versions.append(version.key)
    return total


def _batch(
    connection: sa.Connection,
    store: AssetStore,
    pool: ThreadPoolExecutor,
    version: Version,
    grace: timedelta,
    after: int,
    total: Collected,
) -> int | None:
    """Remove some photos' results; the last photo's id, None where there are no more, or the version serves again."""
    locks.may_last(connection)  # the store may be slow
    versions.hold(connection, version.name)
    if not connection.execute(_MARK, {"id": version.id, "grace": grace}).rowcount:
        return None
    parameters = {"version_id": version.id, "after": after, "limit": BATCH}
    images: list[int] = list(connection.scalars(_SOME, parameters))
    if not images:
        return None
    of_these = {"version_id": version.id, "images": images}
    masks = _masks(connection, version, of_these)
    list(pool.map(store.delete, masks))
    for table in RESULTS:
        connection.execute(_delete(table), of_these)
    total.items += connection.execute(_delete("work_items"), of_these).rowcount
    total.masks += len(masks)
    return images[-1]


def _masks(connection: sa.Connection, version: Version, of_these: dict[str, object]) -> set[str]:
    """Keys of masks, those too in which nothing was found, and which no row names."""
    if version.task != "segment":
        return set()
    hashes = connection.scalars(_HASHES, of_these)
    return {mask_key(version.key, sha256) for sha256 in hashes} | set(connection.scalars(_NAMED, of_these))


def _delete(table: str) -> sa.TextClause:
    return sa.text(
        f"DELETE FROM {table} WHERE image_id = ANY(CAST(:images AS bigint[])) AND model_version_id = :version_id"
    )


_DUE = sa.text(
    """
    SELECT name || '@' || version FROM model_versions
    WHERE state = 'retired' AND retired_at < now() - :grace ORDER BY retired_at
    """
)

_MARK = sa.text(
    """
    UPDATE model_versions SET collected_at = coalesce(collected_at, now())
    WHERE id = :id AND state = 'retired' AND retired_at < now() - :grace
    """
)

_SOME = sa.text(
    """
    SELECT image_id FROM work_items
    WHERE model_version_id = :version_id AND image_id > :after AND state IN ('done', 'quarantined', 'cancelled')
    ORDER BY image_id LIMIT :limit FOR UPDATE SKIP LOCKED
    """
)

_HASHES = sa.text("SELECT sha256 FROM images WHERE id = ANY(CAST(:images AS bigint[]))")

_NAMED = sa.text(
    """
    SELECT mask_key FROM segments
    WHERE image_id = ANY(CAST(:images AS bigint[])) AND model_version_id = :version_id
    """
)
