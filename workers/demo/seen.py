"""What the catalog has to say about the demo's photos, read back from Postgres and the object store."""

from __future__ import annotations

import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa
from PIL import Image

from catalog.asset_store import AssetStore
from models.predictions import Box, Detection, Score

TAGGER = "product-type"
DETECTOR = "product-detector"
FAST_MASK = "product-mask"
FINE_MASK = "product-cutout"

BoolMask = npt.NDArray[np.bool_]


@dataclass(slots=True)
class Seen:
    """A photo with what the serving versions found: the best tag, every stored box best first, keys of its masks.

    `shown` are the boxes above their threshold, as in the view `product_detections`. `masks` maps a model's name to
    the key of its mask; a model that found nothing has no entry.
    """

    image_id: int
    sha256: str
    object_key: str
    width: int
    height: int
    sku: str
    title: str
    brand: str
    tag: Score | None = None
    detections: list[Detection] = field(default_factory=list)
    shown: list[Detection] = field(default_factory=list)
    masks: dict[str, str] = field(default_factory=dict)


def read(connection: sa.Connection, hashes: Sequence[str]) -> dict[str, Seen]:
    """The photos of `hashes` (SHA-256) by hash, in that order; those the catalog lacks are left out."""
    wanted = {"hashes": list(hashes)}
    by_id = {row.image_id: Seen(**row._mapping) for row in connection.execute(_PHOTOS, wanted)}
    for row in connection.execute(_TAGS, wanted | {"model": TAGGER}):
        by_id[row.image_id].tag = Score(row.label, row.score)
    for row in connection.execute(_BOXES, wanted | {"model": DETECTOR}):
        box = Box(row.left, row.top, row.right, row.bottom)
        found = Detection(row.label, row.score, box)
        by_id[row.image_id].detections.append(found)
        if row.counts:
            by_id[row.image_id].shown.append(found)
    for row in connection.execute(_MASKS, wanted):
        by_id[row.image_id].masks[row.model] = row.mask_key
    by_hash = {seen.sha256: seen for seen in by_id.values()}
    return {sha256: by_hash[sha256] for sha256 in hashes if sha256 in by_hash}


def masks(store: AssetStore, photos: Sequence[Seen], model: str, threads: int = 8) -> list[BoolMask]:
    """Where `model` saw a product, bool (height, width) a photo, fetched from the store."""

    def fetch(seen: Seen) -> BoolMask:
        if model not in seen.masks:
            return np.zeros((seen.height, seen.width), np.bool_)
        with Image.open(io.BytesIO(store.get(seen.masks[model]))) as picture:
            return np.asarray(picture) > 0

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(fetch, photos))


_PHOTOS = sa.text(
    """
    SELECT DISTINCT ON (i.id) i.id AS image_id, i.sha256, i.object_key, i.width, i.height, p.sku,
           coalesce(p.title, p.sku) AS title, coalesce(p.brand, '') AS brand
    FROM images i
    JOIN product_images pi ON pi.image_id = i.id
    JOIN products p ON p.id = pi.product_id
    WHERE i.sha256 = ANY(CAST(:hashes AS text[]))
    ORDER BY i.id, p.sku LIKE 'DEMO-%' DESC, p.sku
    """
)

# Below, tables and not views: a figure that compares models must not depend on a threshold.
_TAGS = sa.text(
    """
    SELECT c.image_id, c.label, c.score FROM classifications c
    JOIN serving_versions m ON m.id = c.model_version_id AND m.name = :model
    JOIN images i ON i.id = c.image_id
    WHERE c.rank = 1 AND i.sha256 = ANY(CAST(:hashes AS text[]))
    """
)

_BOXES = sa.text(
    """
    SELECT d.image_id, d.label, d.score, d."left", d.top, d."right", d.bottom,
           EXISTS (SELECT FROM product_detections v WHERE v.model = m.name AND v.image_id = d.image_id
                   AND v.ordinal = d.ordinal) AS counts
    FROM detections d
    JOIN serving_versions m ON m.id = d.model_version_id AND m.name = :model
    JOIN images i ON i.id = d.image_id
    WHERE i.sha256 = ANY(CAST(:hashes AS text[]))
    ORDER BY d.image_id, d.ordinal
    """
)

_MASKS = sa.text(
    """
    SELECT DISTINCT s.image_id, m.name AS model, s.mask_key FROM segments s
    JOIN serving_versions m ON m.id = s.model_version_id
    JOIN images i ON i.id = s.image_id
    WHERE i.sha256 = ANY(CAST(:hashes AS text[]))
    """
)
