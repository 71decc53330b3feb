"""Photos with their masks as transparency: PNGs of the photo's own size, what is behind the product left out."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import sqlalchemy as sa
from PIL import Image

from catalog.asset_store import AssetStore
from catalog.export.place import Place
from catalog.export.state import Part, Range, State
from catalog.filters import Filter
from catalog.versions import Version
from models.budget import Budget
from models.colour import Pixels
from models.decode import decode
from models.photo import Limits
from models.spreadsheets import harmless
from workers.export.objects import each, read_mask
from workers.export.report import Report

COLUMNS = ("sku", "image_id", "sha256", "key", "error")
# Little more bytes than at the usual 6, in half the time.
_EFFORT = 3


@dataclass(frozen=True, slots=True)
class Source:
    """A photo with a mask; `skus` are the products that show it, perhaps none."""

    image_id: int
    sha256: str
    object_key: str
    mask_key: str
    skus: Sequence[str]

    @property
    def key(self) -> str:
        return f"{self.sha256[:2]}/{self.sha256[2:4]}/{self.sha256}.png"


class CutoutsWriter:
    """Writes `ab/cd/<sha256>.png`, and `index-000001.csv` and so on: a row a product and photo."""

    prefixes = ("index-",)
    keeps_parts = True

    def __init__(
        self,
        engine: sa.Engine,
        store: AssetStore,
        place: Place,
        chosen: Version,
        products: Filter,
        limits: Limits,
        threads: int,
        report: Report,
    ) -> None:
        self._engine = engine
        self._store = store
        self._place = place
        self._version = chosen
        self._products = products
        self._limits = limits
        self._memory = Budget(limits.memory)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="cutouts")
        self._threads = threads
        self._report = report

    def write(self, ranged: Range, state: State) -> Part | None:
        """What is there is not made again, unless the whole export is."""
        sources = self._sources(ranged)
        if not sources:
            return None
        there = list(self._pool.map(lambda one: not state.again and self._place.exists(one.key), sources))
        lacking = [one for one, is_there in zip(sources, there, strict=True) if not is_there]
        size, errors = self._make(lacking)
        index = _index(sources, errors)
        name = f"index-{len(state.parts) + 1:06d}.csv"
        self._place.write(name, index)
        return Part(
            files=(name,), rows=len(sources) - len(errors), bytes=size + len(index), failed=len(errors)
        )

    def finish(self, state: State) -> None:
        """Nothing is left to do."""

    def _make(self, sources: Sequence[Source]) -> tuple[int, dict[int, str]]:
        """Bytes that were written, and why not, by image id. A batch is written while none is made: memory."""
        size, errors = 0, {}
        batch: list[tuple[str, bytes]] = []
        for source, made in each(self._pool, self._store, sources, self._png, 2 * self._threads):
            if isinstance(made, Exception):
                errors[source.image_id] = str(made)
                self._report.failed(source.object_key, made)
                continue
            batch.append((source.key, made))
            if len(batch) >= 2 * self._threads:
                size += self._write(batch)
                batch = []
        return size + self._write(batch), errors

    def _write(self, batch: Sequence[tuple[str, bytes]]) -> int:
        list(self._pool.map(lambda one: self._place.write(*one), batch))
        return sum(len(data) for _, data in batch)

    def _png(self, source: Source) -> bytes:
        photo = decode(self._store.get(source.object_key), limits=self._limits, memory=self._memory)
        mask = read_mask(self._store.get(source.mask_key), photo.width, photo.height, self._limits)
        return encode_cutout(photo.pixels, mask)

    def _sources(self, ranged: Range) -> list[Source]:
        meant, parameters = self._products.of_image("i.id")
        bound = {**parameters, **ranged.parameters, "version": self._version.id}
        with self._engine.connect() as connection:
            rows = connection.execute(sa.text(_SOURCES.format(meant=meant)), bound)
            return [Source(**row._mapping) for row in rows]


def encode_cutout(pixels: Pixels, mask: Pixels) -> bytes:
    """A PNG of `pixels`, RGB (h, w, 3), that shows what has a label in `mask` (h, w), and nothing of the rest."""
    shown = mask > 0
    picture = np.dstack((pixels * shown[..., None], shown.astype(np.uint8) * 255))
    data = io.BytesIO()
    Image.fromarray(picture).save(data, "PNG", compress_level=_EFFORT)
    return data.getvalue()


def _index(sources: Iterable[Source], errors: dict[int, str]) -> bytes:
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(COLUMNS)
    for one in sources:
        error = errors.get(one.image_id, "")
        for sku in one.skus:
            rows.writerow((harmless(sku), one.image_id, one.sha256, "" if error else one.key, error))
    return text.getvalue().encode()


_SOURCES = """
    SELECT i.id AS image_id, i.sha256, i.object_key, min(r.mask_key) AS mask_key,
           ARRAY(SELECT p.sku FROM product_images pi JOIN products p ON p.id = pi.product_id
                 WHERE pi.image_id = i.id ORDER BY p.sku) AS skus
    FROM segments r JOIN images i ON i.id = r.image_id
    WHERE r.model_version_id = :version AND r.image_id >= :first AND r.image_id < :end AND {meant}
    GROUP BY i.id ORDER BY i.id
"""
