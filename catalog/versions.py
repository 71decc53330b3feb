"""The registry of model versions: which exist, which serve, which every new photo gets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from catalog import events
from catalog.errors import AlreadyServes, UnknownModel
from catalog.locks import may_last
from catalog.tables import ModelVersion, Threshold
from models.predictions import Task


@dataclass(frozen=True, slots=True)
class Version:
    """A registered model version; `spec` is all that is needed to load it."""

    id: int
    name: str
    version: int
    task: Task
    state: str
    on_ingest: bool
    weights_sha256: str
    spec: dict[str, Any]

    @property
    def key(self) -> str:
        return f"{self.name}@{self.version}"


_COLUMNS = (
    ModelVersion.id,
    ModelVersion.name,
    ModelVersion.version,
    ModelVersion.task,
    ModelVersion.state,
    ModelVersion.on_ingest,
    ModelVersion.weights_sha256,
    ModelVersion.spec,
)


def _select(connection: sa.Connection, *conditions: sa.ColumnElement[bool]) -> list[Version]:
    query = sa.select(*_COLUMNS).where(*conditions).order_by(ModelVersion.name, ModelVersion.version)
    return [Version(*row) for row in connection.execute(query)]


def every(connection: sa.Connection) -> list[Version]:
    """All registered versions, by name and version."""
    return _select(connection)


def for_new_photos(connection: sa.Connection) -> list[Version]:
    """The serving versions that each ingested photo is to be seen by."""
    return _select(connection, ModelVersion.state == "serving", ModelVersion.on_ingest.is_(True))


def with_siblings(connection: sa.Connection, ids: Iterable[int]) -> list[Version]:
    """The versions of `ids` and those that share their weights: one network answers for all of them."""
    weights = sa.select(ModelVersion.weights_sha256).where(ModelVersion.id.in_(list(ids)))
    return _select(connection, ModelVersion.weights_sha256.in_(weights))


def find(connection: sa.Connection, reference: str) -> Version:
    """The version written `name@version`, or the one that serves under `name`. Raises UnknownModel."""
    name, at, number = reference.partition("@")
    wanted = sa.cast(ModelVersion.version, sa.Text) == number if at else ModelVersion.state == "serving"
    found = _select(connection, ModelVersion.name == name, wanted)
    if not found:
        known = ", ".join(version.key for version in every(connection)) or "none"
        raise UnknownModel(f"there is no model {reference!r}; registered are: {known}")
    return found[0]


def next_number(connection: sa.Connection, name: str) -> int:
    """The number the next version of `name` gets; holds off other registrations until the transaction ends."""
    may_last(connection)  # weights may be gigabytes
    _hold(connection, name)
    latest = sa.select(sa.func.max(ModelVersion.version)).where(ModelVersion.name == name)
    return (connection.scalar(latest) or 0) + 1


def _hold(connection: sa.Connection, name: str) -> None:
    """Nobody else changes which versions `name` has, or which of them serves, until the transaction ends."""
    connection.execute(sa.text("SELECT pg_advisory_xact_lock(hashtext(:name))"), {"name": f"model {name}"})


def same_weights(connection: sa.Connection, name: str, task: str, weights_sha256: str) -> list[Version]:
    """Versions of `name` that do `task` with these weights: registering them again would make a twin."""
    return _select(
        connection,
        ModelVersion.name == name,
        ModelVersion.task == task,
        ModelVersion.weights_sha256 == weights_sha256,
    )


def register(connection: sa.Connection, spec: dict[str, Any], *, candidate: bool = False) -> Version:
    """Add a version from its spec (`models.spec.ModelSpec` as a dict).

    The first version of a name serves at once, unless it is to be a `candidate`; later ones are candidates until they
    are promoted.
    """
    serving = candidate or _select(
        connection, ModelVersion.name == spec["name"], ModelVersion.state == "serving"
    )
    row = {
        "name": spec["name"],
        "version": spec["version"],
        "task": spec["task"],
        "state": "candidate" if serving else "serving",
        "on_ingest": spec["on_ingest"],
        "labels": list(spec["labels"]),
        "weights_sha256": spec["sha256"],
        "spec": spec,
        "metrics": spec["metrics"],
    }
    inserted = connection.execute(sa.insert(ModelVersion).values(row).returning(*_COLUMNS)).one()
    threshold = spec.get("options", {}).get("threshold")
    if threshold is not None:  # a start; what people set stays
        values = {"model_name": spec["name"], "label": "", "threshold": threshold}
        connection.execute(postgresql.insert(Threshold).values(values).on_conflict_do_nothing())
    return Version(*inserted)


def promote(connection: sa.Connection, reference: str) -> tuple[Version, Version | None]:
    """Let a version serve in place of the one that does: (the version, the one that is retired, if any).

    A retired version may be promoted again: that is the way back. Raises UnknownModel, AlreadyServes.
    """
    _hold(connection, reference.partition("@")[0])
    chosen = find(connection, reference)
    if chosen.state == "serving":
        raise AlreadyServes(f"{chosen.key} serves already; {_others(connection, chosen)}")
    retired = _set_state(
        connection, "retired", ModelVersion.name == chosen.name, ModelVersion.state == "serving"
    )
    promoted = _set_state(connection, "serving", ModelVersion.id == chosen.id)
    events.version_promoted(connection, promoted[0], retired[0] if retired else None)
    return promoted[0], retired[0] if retired else None


def _set_state(connection: sa.Connection, state: str, *conditions: sa.ColumnElement[bool]) -> list[Version]:
    retired_at = sa.func.now() if state == "retired" else None
    values = {"state": state, "retired_at": retired_at}
    changed = sa.update(ModelVersion).where(*conditions).values(values).returning(*_COLUMNS)
    return [Version(*row) for row in connection.execute(changed)]


def _others(connection: sa.Connection, version: Version) -> str:
    others = _select(connection, ModelVersion.name == version.name, ModelVersion.id != version.id)
    if not others:
        return f"{version.name} has no other version"
    return f"other versions are: {', '.join(f'{other.key} ({other.state})' for other in others)}"


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many of the catalog's photos have a version's results; nothing found is a result."""

    done: int
    photos: int


def coverage(connection: sa.Connection, version: Version) -> Coverage:
    """Counts all photos: some seconds where there are millions."""
    row = connection.execute(_COVERAGE, {"version_id": version.id}).one()
    return Coverage(row.done, row.photos)


_COVERAGE = sa.text(
    """
    SELECT (SELECT count(*) FROM work_items WHERE model_version_id = :version_id AND state = 'done') AS done,
           (SELECT count(*) FROM images) AS photos
    """
)


def waiting(connection: sa.Connection, version_ids: Iterable[int], limit: int) -> int:
    """How many photos wait for any of these versions, counted up to `limit`."""
    parameters = {"version_ids": list(version_ids), "limit": limit}
    return int(connection.scalar(_WAITING, parameters) or 0)


_WAITING = sa.text(
    """
    SELECT count(*) FROM (
        SELECT DISTINCT image_id FROM work_items
        WHERE state IN ('pending', 'retry') AND model_version_id = ANY(CAST(:version_ids AS bigint[])) LIMIT :limit
    ) open
    """
)
