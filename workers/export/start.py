"""What the command said, to the writer that does it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from catalog import filters
from catalog.errors import ExportError
from catalog.export.place import Bucket, Folder
from catalog.export.queries import ROWS
from catalog.export.rows import RowsWriter
from catalog.export.run import Listener, Writer, export
from catalog.export.state import Asked, Format, State, What
from catalog.versions import Version
from workers.export.coco import CocoWriter
from workers.export.cutouts import COLUMNS, CutoutsWriter
from workers.export.report import Report
from workers.runtime import Runtime

# Photos a part: some seconds of rows, about a minute of pixels.
PHOTOS: dict[What, int] = {"tags": 100_000, "detections": 100_000, "segments": 100_000, "embeddings": 20_000}
PHOTOS_OF_PIXELS = 1_000


@dataclass(frozen=True, slots=True)
class Order:
    """The command's arguments."""

    what: What
    place: str
    format: Format | None
    where: Sequence[str]
    models: Sequence[str]
    photos_a_part: int | None
    threads: int
    again: bool


class Told(Listener, Report, Protocol):
    """Whom the export speaks to."""


def start(runtime: Runtime, order: Order, told: Told) -> tuple[State, bool]:
    """As `catalog.export.run.export`."""
    place = _place(runtime, order)
    products = filters.parse(order.where)

    def writer(chosen: list[Version]) -> Writer:
        of_pixels = (products, runtime.limits, order.threads, told)
        if order.what == "cutouts":
            return CutoutsWriter(runtime.engine, runtime.store, place, chosen[0], *of_pixels)
        assert isinstance(place, Folder)
        if order.what == "coco":
            return CocoWriter(runtime.engine, runtime.store, place, chosen, *of_pixels)
        return RowsWriter(runtime.engine, place, [version.id for version in chosen], products)

    return export(runtime.engine, _asked(order), place, writer, told, again=order.again)


def _asked(order: Order) -> Asked:
    rows = ROWS.get(order.what)
    if order.format and rows is None:
        raise ExportError(f"{order.what} have a format of their own; leave --format out")
    own: Format = "json" if order.what == "coco" else "png"
    return Asked(
        what=order.what,
        format=order.format or ("parquet" if rows else own),
        columns=tuple(rows.columns) if rows else COLUMNS if order.what == "cutouts" else (),
        where=tuple(order.where),
        models=tuple(order.models),
        photos_a_part=order.photos_a_part or PHOTOS.get(order.what, PHOTOS_OF_PIXELS),
    )


def _place(runtime: Runtime, order: Order) -> Folder | Bucket:
    if not order.place.startswith("s3://"):
        return Folder(Path(order.place))
    bucket, _, prefix = order.place.removeprefix("s3://").partition("/")
    if order.what != "cutouts" or not bucket:
        raise ExportError(f"{order.what} go to a folder; only cutouts go to s3://bucket/prefix")
    return Bucket(runtime.store.in_bucket(bucket), prefix)
