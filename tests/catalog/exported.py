"""A shop with results of every task, and exports of it."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet
import sqlalchemy as sa

from catalog import filters
from catalog.export.place import Folder
from catalog.export.queries import ROWS
from catalog.export.rows import RowsWriter
from catalog.export.run import export
from catalog.export.state import Asked, Format, State, What
from tests.catalog.shop import add_images, add_product, add_version, execute, rows

PHOTOS = 25
TASKS = {"tags": "classify", "detections": "detect", "segments": "segment", "embeddings": "embed"}
LABELS = ("Shirt", "Coat", 'with "quotes", commas\nand lines')


class Silence:
    """Listens to an export and says nothing."""

    def at(self, done: int, total: int, rows: int) -> None: ...


class Interrupted(Silence):
    """Ctrl-C when two parts are there."""

    def at(self, done: int, total: int, rows: int) -> None:
        if done >= 10:
            raise KeyboardInterrupt


def fill_shop(engine: sa.Engine) -> None:
    """Two versions of a model for each task, thresholds, people's word; photos of none, one and two products."""
    images = add_images(engine, PHOTOS)
    shared = add_product(engine, "shared", images[:3])
    for number, image_id in enumerate(images[:-2]):
        add_product(engine, f"SKU-{number}", [image_id])
    for task in TASKS.values():
        for version in (1, 2):
            add_results(engine, task, add_version(engine, task, version, task=task, labels=LABELS).id)
    execute(engine, "INSERT INTO thresholds VALUES ('classify', 'Coat', 0.7), ('detect', '', 0.3)")
    for label, accepted in (("Shirt", False), ("Coat", True), ("Hat", True)):
        word = "INSERT INTO overrides (product_id, label, accepted, author) VALUES (:p, :label, :accepted, 'Ann')"
        execute(engine, word, p=shared, label=label, accepted=accepted)
        execute(engine, word, p=shared + 20, label=label, accepted=accepted)


def add_results(engine: sa.Engine, task: str, version_id: int) -> None:
    """An answer for every photo and label; scores from 0 to 1."""
    of_task = {
        "classify": "classifications SELECT i, :version, label, n, score",
        "detect": "detections SELECT i, :version, n, label, score, n, 2, i + 0.5, 4",
        "segment": "segments SELECT i, :version, label, score, 0.1, 1, 2, 3, 4, 'masks/m@1/' || i",
        "embed": "embeddings SELECT i, :version, ('[' || i || ',0.25]')::vector",
    }[task]
    statement = f"""
        INSERT INTO {of_task} FROM (
            SELECT id AS i, label, n, ((id * 7 + n * 3 + :version) % 11) / 10.0 AS score
            FROM images, unnest(CAST(:labels AS text[])) WITH ORDINALITY labels (label, n)
        ) found {"WHERE n = 1" if task == "embed" else ""}
    """
    execute(engine, statement, version=version_id, labels=list(LABELS))


def export_rows(
    engine: sa.Engine,
    folder: Path,
    what: What,
    format: Format = "parquet",
    *,
    where: Sequence[str] = (),
    models: Sequence[str] = (),
    listener: Any = None,
    again: bool = False,
    writer: type[RowsWriter] = RowsWriter,
) -> tuple[State, bool]:
    """Five photos a part."""
    place = Folder(folder)
    asked = Asked(
        what=what,
        format=format,
        columns=tuple(ROWS[what].columns),
        where=tuple(where),
        models=tuple(models),
        photos_a_part=5,
    )
    return export(
        engine,
        asked,
        place,
        lambda chosen: writer(engine, place, [one.id for one in chosen], filters.parse(where)),
        listener or Silence(),
        again=again,
    )


def lose_rights(engine: sa.Engine) -> None:
    """End the sessions that hold advisory locks of this database, as a restart of Postgres would."""
    execute(
        engine,
        """
        SELECT pg_terminate_backend(pid, 5000) FROM pg_locks WHERE locktype = 'advisory'
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
        """,
    )


def read(folder: Path) -> list[tuple[Any, ...]]:
    """All rows of an export: typed from Parquet, as text from CSV; sorted."""
    found: list[tuple[Any, ...]] = []
    for path in folder.glob("part-*.csv"):
        with path.open(newline="", encoding="utf-8") as file:
            found += map(tuple, list(csv.reader(file))[1:])
    if not found:
        found += (tuple(row.values()) for row in pyarrow.parquet.read_table(folder).to_pylist())
    return sorted(found, key=repr)


def shown(engine: sa.Engine, what: What, *, as_text: bool = False) -> list[tuple[Any, ...]]:
    """What the view says, in the same form."""
    typed = {"vector": "real[]", "real": "float8"}
    columns = [
        f"""coalesce("{name}"::text, '')""" if as_text else f'"{name}"::{typed.get(kind, kind)}'
        for name, kind in ROWS[what].columns.items()
    ]
    return sorted(rows(engine, f"SELECT {', '.join(columns)} FROM product_{what}"), key=repr)
