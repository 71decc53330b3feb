"""Results of retired versions, removed when nobody will want them back; versions and their weights stay.

Of some photos at a time the rows go first, and their items are given up; then their masks and items. So a version never
seems to have what is half gone, and killed anywhere, the next run goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta

import sqlalchemy as sa

from catalog import locks, versions
from catalog.asset_store import AssetStore, mask_keys
from catalog.versions import Version

BATCH, THREADS = 500, 8
RESULTS = ("classifications", "detections", "segments", "embeddings", "photo_facts")


@dataclass
class Collected:
    """Versions whose results were removed, work items (a photo for a version) and those of them with a mask."""

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
    Raises StoreUnavailable or a database error; the next run goes on.
    """
    total = Collected()
    with engine.connect() as connection:
        due = [versions.find(connection, key) for key in connection.scalars(_DUE, {"grace": grace}).all()]
    for version in due:
        before = total.items
        after = 0
        while images := _give_up(engine, version, grace, after):
            _remove(engine, store, version, images, total)
            on_progress(total)
            after = images[-1]
        if total.items > before:
            total.versions.append(version.key)
    return total


def _give_up(engine: sa.Engine, version: Version, grace: timedelta, after: int) -> list[int]:
    """Remove the rows of some photos behind `after`; none where there are no more, or the version serves again."""
    with engine.begin() as connection:
        versions.hold(connection, version.name)
        if not connection.execute(_MARK, {"id": version.id, "grace": grace}).rowcount:
            return []
        parameters = {"version_id": version.id, "after": after, "limit": BATCH, "grace": grace}
        images = sorted(connection.scalars(_GIVE_UP, parameters))
        for table in RESULTS:
            connection.execute(_delete(table), {"version_id": version.id, "images": images})
    return images


def _remove(
    engine: sa.Engine, store: AssetStore, version: Version, images: list[int], total: Collected
) -> None:
    """Masks and items of photos that are given up still; what was planned anew meanwhile keeps both."""
    with engine.begin() as connection, ThreadPoolExecutor(THREADS, "collect") as pool:
        locks.may_last(connection)  # the store may be slow
        still = connection.execute(_STILL, {"version_id": version.id, "images": images}).all()
        if version.task == "segment":
            for row in still:
                connection.execute(_STILL_HERE)  # a lost connection has lost its locks
                list(pool.map(store.delete, mask_keys(version.key, row.sha256)))
            total.masks += len(still)
        gone = {"version_id": version.id, "images": [row.image_id for row in still]}
        total.items += connection.execute(_delete("work_items"), gone).rowcount


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

# What was made after the version was retired, somebody wanted anew.
_GIVE_UP = sa.text(
    """
    WITH old AS (
        SELECT image_id, model_version_id FROM work_items
        WHERE model_version_id = :version_id AND image_id > :after AND state IN ('done', 'quarantined', 'cancelled')
          AND coalesce(finished_at, '-infinity') < now() - :grace
        ORDER BY image_id LIMIT :limit FOR UPDATE SKIP LOCKED
    )
    UPDATE work_items w SET state = 'cancelled', error_code = NULL, error_reason = NULL
    FROM old WHERE (w.image_id, w.model_version_id) = (old.image_id, old.model_version_id)
    RETURNING w.image_id
    """
)

_STILL = sa.text(
    """
    SELECT w.image_id, i.sha256 FROM work_items w JOIN images i ON i.id = w.image_id
    WHERE w.model_version_id = :version_id AND w.image_id = ANY(CAST(:images AS bigint[])) AND w.state = 'cancelled'
    ORDER BY w.image_id FOR UPDATE OF w SKIP LOCKED
    """
)

_STILL_HERE = sa.text("SELECT 1")
