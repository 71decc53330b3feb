"""Which version of a model serves: the switch, what it waits for, and the way back."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import sqlalchemy as sa

from catalog import events, locks, places, versions
from catalog.errors import AlreadyServes, NotCovered, NoWayBack
from catalog.tables import ModelVersion
from catalog.versions import Version


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many of the catalog's photos have a version's results, and how many failed; nothing found is a result."""

    done: int
    failed: int
    photos: int


@dataclass(frozen=True, slots=True)
class Gaps:
    """Photos that show something of the version that serves, or are about to, and would show nothing of the other.

    `waiting` are in some job, `failed` are in quarantine, by code, and `unasked` are in no job that goes on.
    """

    waiting: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    unasked: int = 0

    @property
    def photos(self) -> int:
        return self.waiting + self.failed.total() + self.unasked

    @property
    def fillable(self) -> bool:
        """Whether some are closed by running the version; what failed is not."""
        return bool(self.waiting or self.unasked)


@dataclass(frozen=True, slots=True)
class Switched:
    """A version that serves from now on, the one that is `retired`, if any, and the `gaps` that were put up with."""

    version: Version
    retired: Version | None
    gaps: Gaps


def promote(connection: sa.Connection, reference: str, *, anyway: bool = False) -> Switched:
    """Let a version serve in place of the one that does, once no photo loses its results by that, or `anyway`.

    Nothing is ingested from the look at the gaps to the end of the transaction; so none opens behind its back.
    Raises UnknownModel, AlreadyServes, NotCovered.
    """
    chosen = _changing(connection, reference)
    serving = versions.serving(connection, chosen.name)
    missing = gaps(connection, chosen, serving) if serving else Gaps()
    if missing.photos and not anyway:
        assert serving is not None
        raise NotCovered(_what_is_missing(chosen, serving, missing), missing)
    return _switch(connection, chosen, missing)


def rollback(connection: sa.Connection, name: str) -> Switched:
    """Let the version serve again that served before, whatever came since. Raises UnknownModel, NoWayBack."""
    versions.hold(connection, name)
    serving = versions.find(connection, name)
    row = connection.execute(_BEFORE, {"name": name}).one_or_none()
    if row is None:
        raise NoWayBack(f"{serving.key} serves, and no other version of {name} did before")
    before = versions.find(connection, f"{name}@{row.version}")
    if row.collected_at is not None:
        raise NoWayBack(
            f"the results of {before.key} were collected on {row.collected_at:%Y-%m-%d}: "
            f"`tagmill process {before.key}` makes them anew, then `tagmill models promote {before.key}`"
        )
    return _switch(
        connection, before, Gaps()
    )  # at once: what it lacks of later photos can be filled afterwards


def gaps(connection: sa.Connection, version: Version, serving: Version) -> Gaps:
    """What `version` lacks of what `serving` has; some seconds where there are millions of photos."""
    found = connection.execute(_GAPS, {"version_id": version.id, "serving_id": serving.id}).all()
    by_state = Counter({state: photos for state, code, photos in found if code is None})
    failed = Counter({code: photos for _, code, photos in found if code is not None})
    return Gaps(by_state["waiting"], failed, by_state["unasked"])


def coverage(connection: sa.Connection, version: Version) -> Coverage:
    """Counts all photos: some seconds where there are millions."""
    row = connection.execute(_COVERAGE, {"version_id": version.id}).one()
    return Coverage(row.done, row.failed, row.photos)


def _changing(connection: sa.Connection, reference: str) -> Version:
    """The version that is to serve. Nobody else changes versions of its name, and nothing is ingested meanwhile."""
    versions.hold(connection, reference.partition("@")[0])
    locks.nothing_is_planned(connection)
    chosen = versions.find(connection, reference)
    if chosen.state == "serving":
        raise AlreadyServes(f"{chosen.key} serves already; {_others(connection, chosen)}")
    return chosen


def _switch(connection: sa.Connection, chosen: Version, missing: Gaps) -> Switched:
    retired = versions.set_state(
        connection, "retired", ModelVersion.name == chosen.name, ModelVersion.state == "serving"
    )
    promoted = versions.set_state(connection, "serving", ModelVersion.id == chosen.id)
    done = Switched(promoted[0], retired[0] if retired else None, missing)
    events.version_promoted(connection, done.version, done.retired)
    return done


def _others(connection: sa.Connection, version: Version) -> str:
    others = [one for one in versions.every(connection) if one.name == version.name and one.id != version.id]
    if not others:
        return f"{version.name} has no other version"
    return f"other versions are: {', '.join(f'{other.key} ({other.state})' for other in others)}"


def _what_is_missing(version: Version, serving: Version, missing: Gaps) -> str:
    parts = [f"{missing.waiting:,} wait for it in jobs (tagmill jobs list)"] if missing.waiting else []
    if missing.failed:
        codes = ", ".join(f"{count:,} {code}" for code, count in missing.failed.most_common())
        parts.append(f"{codes} failed (tagmill jobs retry --model {version.key})")
    if missing.unasked:
        parts.append(f"{missing.unasked:,} were never run (tagmill process {version.key})")
    return (
        f"{missing.photos:,} photos have results of {serving.key} and none of {version.key}: {'; '.join(parts)}. "
        "--fill does what is left and then promotes, --anyway promotes now: these photos then show nothing"
    )


# What the serving version could not do itself is no loss, nor is a photo that no product shows any more. A failure of a
# cancelled job is given up, to be planned anew.
_GAPS = sa.text(
    f"""
    SELECT CASE WHEN w.state IN ('pending', 'leased', 'retry') THEN 'waiting'
                WHEN w.state = 'quarantined' AND j.held IS DISTINCT FROM 'cancelled' THEN 'failed'
                ELSE 'unasked' END AS state,
           CASE WHEN w.state = 'quarantined' AND j.held IS DISTINCT FROM 'cancelled' THEN w.error_code END AS code,
           count(*) AS photos
    FROM work_items s
    LEFT JOIN work_items w ON w.image_id = s.image_id AND w.model_version_id = :version_id
    LEFT JOIN jobs j ON j.id = w.job_id
    WHERE s.model_version_id = :serving_id AND s.state IN ('done', 'pending', 'leased', 'retry')
      AND w.state IS DISTINCT FROM 'done'
      AND {places.is_shown("s.image_id")}
    GROUP BY 1, 2
    """
)

_COVERAGE = sa.text(
    """
    SELECT count(*) FILTER (WHERE state = 'done') AS done, count(*) FILTER (WHERE state = 'quarantined') AS failed,
           (SELECT count(*) FROM images) AS photos
    FROM work_items WHERE model_version_id = :version_id
    """
)

_BEFORE = sa.text(
    """
    SELECT version, collected_at FROM model_versions
    WHERE name = :name AND state = 'retired' AND retired_at IS NOT NULL ORDER BY retired_at DESC, id DESC LIMIT 1
    """
)
