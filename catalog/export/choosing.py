"""Which model versions an export reads, and which ids of which database: fixed when it begins."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from catalog import versions
from catalog.errors import ExportError
from catalog.export.state import Span, State, What
from catalog.tables import ModelVersion
from catalog.versions import Version
from models.predictions import Task

TASKS: dict[What, tuple[Task, ...]] = {
    "tags": ("classify",),
    "detections": ("detect",),
    "segments": ("segment",),
    "embeddings": ("embed",),
    "coco": ("detect", "segment"),
    "cutouts": ("segment",),
}


def choose(connection: sa.Connection, what: What, models: Sequence[str]) -> list[Version]:
    """The versions that `models` name, else those that serve. Raises UnknownModel, ExportError."""
    named = {version.id: version for version in (versions.find(connection, model) for model in models)}
    found = list(named.values()) or _serving(connection, what)
    for version in found:
        if version.task not in TASKS[what]:
            wanted = " or ".join(TASKS[what])
            raise ExportError(
                f"{version.key} is a model to {version.task}, and {what} are of models to {wanted}; name such a one"
            )
    if not found and what != "tags":  # people's tags need no model
        raise ExportError(f"no model serves whose answers are {what}; see `tagmill models list`")
    if what == "cutouts" and len(found) > 1:
        keys = ", ".join(version.key for version in found)
        raise ExportError(f"cut-outs are made by one mask: choose one of {keys} with --model")
    return found


def _serving(connection: sa.Connection, what: What) -> list[Version]:
    every = versions.every(connection)
    return [version for version in every if version.state == "serving" and version.task in TASKS[what]]


def chosen(connection: sa.Connection, state: State) -> list[Version]:
    """The versions that an export began with. Raises UnknownModel."""
    return [versions.find(connection, key) for key in state.versions]


def check_not_collected(connection: sa.Connection, some: Sequence[Version]) -> None:
    """Raises ExportError where results of a version were removed, or are being so: rows would be missing."""
    collected = sa.select(ModelVersion.id).where(ModelVersion.collected_at.is_not(None))
    gone = set(connection.scalars(collected))
    for version in some:
        if version.id in gone:
            raise ExportError(
                f"the results of {version.key} were collected: name another version with --model, and a new place; or "
                f"make them anew, `tagmill process {version.key}`, then `tagmill models promote {version.key}`"
            )


def spans(connection: sa.Connection, what: What) -> tuple[Span, ...]:
    """Ids of the photos that are there; for tags also of the products: people may yet speak of any of them."""
    row = connection.execute(_PHOTOS).one()
    found = [Span(of="image", first=row.first, end=row.last + 1)]
    if what == "tags":
        row = connection.execute(_PRODUCTS).one()
        found += [Span(of="product", first=row.first, end=row.last + 1)] if row.last else []
    return tuple(found)


def catalog_identity(connection: sa.Connection) -> str:
    """The database, as no other is: one that was made anew under the same name is another."""
    return str(connection.scalar(_CATALOG))


_CATALOG = sa.text(
    """
    SELECT system_identifier || ':' || oid FROM pg_database, pg_control_system()
    WHERE datname = current_database()
    """
)
_PHOTOS = sa.text("SELECT coalesce(min(id), 1) AS first, coalesce(max(id), 1) AS last FROM images")
_PRODUCTS = sa.text("SELECT min(id) AS first, max(id) AS last FROM products")
