"""What an ingest commits together: rows with their photos, gathered until they are many or large."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from catalog.acceptance import Taken
from catalog.error_report import ErrorReport
from catalog.intake import NewPhoto, Outcome, Shown
from catalog.manifests import TEXT_BYTES, Row, RowError

BATCH_PHOTOS = 256
BATCH_BYTES = 64_000_000
BATCH_SECONDS = 5.0
"""After which what is there is committed: photos may come slowly, and whoever stops an ingest loses what is in hand."""


@dataclass
class Summary:
    """What an ingest did. `work_new` counts work items: a photo for a model version.

    `photos_replaced` counts photos that a product no longer shows, as others lie in their places now.
    """

    job_id: int | None = None
    rows: int = 0
    photos: int = 0
    products_new: int = 0
    products_changed: int = 0
    photos_new: int = 0
    photos_known: int = 0
    photos_replaced: int = 0
    work_new: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "errors": dict(self.errors), "seconds": round(self.seconds, 2)}


@dataclass
class Batch:
    """Rows whose photos were taken, until they are committed together."""

    taken: list[Taken] = field(default_factory=list)
    errors: list[RowError] = field(default_factory=list)
    photos: dict[str, NewPhoto] = field(default_factory=dict)
    shown: int = 0
    size: int = 0
    weight: int = 0
    begun: float = field(default_factory=time.monotonic)

    def add(self, row: Taken) -> None:
        """Take a row in; the bytes of a photo that many rows show are held once."""
        self.taken.append(Taken(row.row, tuple((source, self._once(photo)) for source, photo in row.photos)))
        self.weight += row.row.weight

    def _once(self, photo: Outcome) -> Outcome:
        if not isinstance(photo, NewPhoto):
            self.shown += isinstance(photo, Shown)
            return photo
        if photo.sha256 not in self.photos:
            self.photos[photo.sha256] = photo
            self.size += len(photo.data)
        return self.photos[photo.sha256]

    @property
    def full(self) -> bool:
        return (
            len(self.photos) >= BATCH_PHOTOS
            or len(self.taken) + len(self.errors) >= 4 * BATCH_PHOTOS
            or self.size >= BATCH_BYTES
            or self.weight >= TEXT_BYTES
            or time.monotonic() - self.begun >= BATCH_SECONDS
        )


def counted(manifest: Iterable[Row | RowError], summary: Summary) -> Iterator[Row | RowError]:
    """The rows as they are, each counted as it is read."""
    for entry in manifest:
        summary.rows += 1
        yield entry


def batches(entries: Iterable[Taken | RowError], summary: Summary, report: ErrorReport) -> Iterator[Batch]:
    """All entries, counted in `summary`; what is wrong with them goes into `report`."""
    batch = Batch()
    for entry in entries:
        found = [entry] if isinstance(entry, RowError) else entry.errors()
        for error in found:
            summary.errors[error.code] += 1
            report.add(error)
        batch.errors += found
        if isinstance(entry, Taken):
            summary.photos += len(entry.photos)
            batch.add(entry)
        if batch.full:
            yield batch
            batch = Batch()
    if batch.taken or batch.errors:
        yield batch
