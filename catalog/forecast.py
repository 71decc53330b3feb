"""A plan before the spend: how many photos a version would be run over, how long it takes, and what it stores."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from catalog import rates, stale
from catalog.asset_store import AssetStore
from catalog.filters import Filter
from catalog.ledger import Lane
from catalog.versions import Version

SAMPLED_MASKS = 40


@dataclass(frozen=True, slots=True)
class Forecast:
    """Of one version: `stale` of `photos` lack it, and no job is going to change that; `waiting` are in such jobs.

    What could not be measured yet is None. `seconds_a_photo` and `ahead_seconds` are of one process; `done_at` is with
    `processes` of them, once what is `ahead` (photos that jobs have to do) is done.
    """

    model: str
    photos: int
    stale: int
    waiting: int
    seconds_a_photo: float | None
    measured_photos: int
    measured_at_once: int
    ahead: int
    ahead_seconds: float | None
    processes: int
    done_at: datetime | None
    mask_bytes: int | None

    @property
    def seconds(self) -> float | None:
        """Time of one process for the stale photos."""
        return None if self.seconds_a_photo is None else self.stale * self.seconds_a_photo


def forecast(
    connection: sa.Connection,
    store: AssetStore,
    version: Version,
    *,
    products: Filter | None = None,
    processes: int | None = None,
    lane: Lane = "backlog",
    chunk_size: int = 1,
) -> Forecast:
    """Nothing is changed. `processes` is how many will work; without it, as many as did so lately.

    A message of `chunk_size` photos is worked off by one process, so the last ones keep some process waiting.
    """
    photos, lacking = stale.count(connection, version.id, products)
    hands = processes if processes is not None else rates.processes(connection)
    rate = rates.measured(connection, [version.id], hands)
    others = rates.of_all(connection, hands)
    ahead = int(connection.scalar(_AHEAD, {"lane": lane}) or 0)
    ahead_seconds = 0.0 if not ahead else ahead * others.seconds if others else None
    done_at = None
    if rate and hands and ahead_seconds is not None:
        now: datetime = connection.execute(sa.text("SELECT now()")).scalar_one()
        of_one = min(lacking, -(-lacking // (chunk_size * hands)) * chunk_size)
        done_at = now + timedelta(seconds=ahead_seconds / hands + of_one * rate.seconds)
    return Forecast(
        model=version.key,
        photos=photos,
        stale=lacking,
        waiting=stale.waiting(connection, version.id, products),
        seconds_a_photo=rate.seconds if rate else None,
        measured_photos=rate.photos if rate else 0,
        measured_at_once=rate.at_once if rate else 0,
        ahead=ahead,
        ahead_seconds=ahead_seconds,
        processes=hands,
        done_at=done_at,
        mask_bytes=_mask_bytes(connection, store, version, lacking),
    )


def _mask_bytes(connection: sa.Connection, store: AssetStore, version: Version, photos: int) -> int | None:
    """Of as many masks as are missing, by the size of some that are there."""
    if version.task != "segment":
        return 0
    keys = connection.scalars(_SOME_MASKS, {"version_id": version.id, "limit": SAMPLED_MASKS}).all()
    sizes = [size for key in keys if (size := store.size(key)) is not None]
    return round(photos * sum(sizes) / len(sizes)) if sizes else None


# Photos, not items: those of one photo are worked off together. On hold is not ahead.
_AHEAD = sa.text(
    """
    SELECT count(DISTINCT w.image_id) FROM work_items w JOIN jobs j ON j.id = w.job_id
    WHERE w.state IN ('pending', 'retry', 'leased') AND j.held IS NULL AND (j.lane = 'fresh' OR :lane = 'backlog')
    """
)

# Each photo has one mask, whichever labels are in it.
_SOME_MASKS = sa.text(
    """
    SELECT DISTINCT mask_key FROM (
        SELECT mask_key FROM segments WHERE model_version_id = :version_id LIMIT 10 * :limit
    ) newest LIMIT :limit
    """
)
