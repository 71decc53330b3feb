"""One COCO file of photos, boxes and masks: https://cocodataset.org/#format-data.

Parts are fragments of its two long lists; at the end they are put together. A box and a mask are annotations of their
own, since no model says which box a mask belongs to.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import sqlalchemy as sa

from catalog.asset_store import AssetStore
from catalog.export.place import Folder
from catalog.export.queries import COUNTS, THRESHOLDS
from catalog.export.state import Part, Range, State
from catalog.filters import Filter
from catalog.versions import Version
from models.photo import Limits
from workers.export.fragments import put_together, write_list
from workers.export.objects import each, read_mask
from workers.export.report import Report
from workers.export.run_lengths import segmentation

FILE = "coco.json"
Annotation = dict[str, Any]


class CocoWriter:
    """Writes `images-000001.json` and `annotations-000001.json` and so on, and `coco.json` of them."""

    prefixes = ("images-", "annotations-")
    keeps_parts = False

    def __init__(
        self,
        engine: sa.Engine,
        store: AssetStore,
        folder: Folder,
        chosen: Sequence[Version],
        products: Filter,
        limits: Limits,
        threads: int,
        report: Report,
    ) -> None:
        self._engine = engine
        self._store = store
        self._folder = folder
        self._versions = {version.id: version for version in chosen}
        self._labels = {version.id: list(version.spec["labels"]) for version in chosen}
        labels = dict.fromkeys(label for version in chosen for label in version.spec["labels"])
        self._categories = {label: number for number, label in enumerate(labels, start=1)}
        self._products = products
        self._limits = limits
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="masks")
        self._threads = threads
        self._report = report

    def write(self, ranged: Range, state: State) -> Part | None:
        number = f"{len(state.parts) + 1:06d}.json"
        files = (f"images-{number}", f"annotations-{number}")
        photos = {row.id: row for row in self._rows(_PHOTOS, ranged)}
        if not photos:
            return None
        failed_before = self._report.count
        with self._folder.writing(files[0]) as images, self._folder.writing(files[1]) as annotations:
            write_list(images, (_image(row) for row in photos.values()))
            found = self._annotations(ranged, photos)
            numbered = ({"id": n, **one} for n, one in enumerate(found, start=state.rows + 1))
            count = write_list(annotations, numbered)
            size = images.tell() + annotations.tell()
        return Part(files=files, rows=count, bytes=size, failed=self._report.count - failed_before)

    def finish(self, state: State) -> None:
        """Put the fragments together."""
        head = {
            "info": {"description": "Tagmill", "models": list(state.versions)},
            "categories": [{"id": number, "name": label} for label, number in self._categories.items()],
        }
        lists = {
            name: [self._folder.path / part.files[place] for part in state.parts]
            for place, name in enumerate(("images", "annotations"))
        }
        with self._folder.writing(FILE) as file:
            put_together(file, head, lists)

    def _annotations(self, ranged: Range, photos: dict[int, sa.Row[Any]]) -> Iterator[Annotation]:
        for row in self._rows(_BOXES, ranged):
            if row.image_id in photos:
                width, height = row.right - row.left, row.bottom - row.top
                box = [round(side, 3) for side in (row.left, row.top, width, height)]
                yield {
                    **self._common(row),
                    "segmentation": [],
                    "bbox": box,
                    "area": round(width * height, 3),
                }
        segments = [row for row in self._rows(_SEGMENTS, ranged) if row.image_id in photos]

        def drawn(row: sa.Row[Any]) -> dict[str, Any] | None:
            photo = photos[row.image_id]
            mask = read_mask(self._store.get(row.mask_key), photo.width, photo.height, self._limits)
            shown = mask == self._labels[row.model_version_id].index(row.label) + 1
            return segmentation(shown) if shown.any() else None

        for row, made in each(self._pool, self._store, segments, drawn, 4 * self._threads):
            if isinstance(made, Exception):
                self._report.failed(row.mask_key, made)
            elif made is not None:
                yield {**self._common(row), **made}

    def _common(self, row: sa.Row[Any]) -> Annotation:
        return {
            "image_id": row.image_id,
            "category_id": self._categories[row.label],
            "iscrowd": 0,
            "score": round(row.score, 6),
            "model": self._versions[row.model_version_id].key,
        }

    def _rows(self, query: str, ranged: Range) -> Sequence[sa.Row[Any]]:
        meant, parameters = self._products.of_image("i.id")
        bound = {**parameters, **ranged.parameters, "versions": list(self._versions)}
        with self._engine.connect() as connection:
            return connection.execute(sa.text(query.format(meant=meant)), bound).all()


def _image(row: sa.Row[Any]) -> dict[str, Any]:
    return {
        "id": row.id,
        "file_name": row.object_key,
        "width": row.width,
        "height": row.height,
        "sha256": row.sha256,
    }


# A photo in which nothing was found is in the file, one that no model has seen is not.
_PHOTOS = """
    SELECT i.id, i.sha256, i.object_key, i.width, i.height FROM images i
    WHERE i.id >= :first AND i.id < :end AND {meant} AND EXISTS (
        SELECT FROM work_items w
        WHERE w.image_id = i.id AND w.model_version_id = ANY(CAST(:versions AS bigint[])) AND w.state = 'done')
    ORDER BY i.id
"""
_OF_MODELS = f"""
    JOIN model_versions m ON m.id = r.model_version_id {THRESHOLDS}
    WHERE r.model_version_id = ANY(CAST(:versions AS bigint[])) AND r.image_id >= :first AND r.image_id < :end
      AND {COUNTS}
"""
_BOXES = f"""
    SELECT r.image_id, r.model_version_id, r.label, r.score, r."left", r.top, r."right", r.bottom
    FROM detections r {_OF_MODELS} ORDER BY r.image_id, r.model_version_id, r.ordinal
"""
_SEGMENTS = f"""
    SELECT r.image_id, r.model_version_id, r.label, r.score, r.mask_key
    FROM segments r {_OF_MODELS} ORDER BY r.image_id, r.model_version_id, r.label
"""
