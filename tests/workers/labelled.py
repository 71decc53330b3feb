"""A catalog whose products have real photos in the store and labels that people gave."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping, Sequence

import sqlalchemy as sa
from PIL import Image

from catalog.asset_store import image_key
from catalog.label_import import import_labels
from tests.catalog.shop import add_product
from tests.models.training.photos import BARS, bar
from workers.runtime import Runtime


def photo(number: int, upright: bool = False) -> bytes:
    """A PNG of a bar; another number is another photo."""
    buffer = io.BytesIO()
    Image.fromarray(bar(number, upright)[0]).save(buffer, "PNG")
    return buffer.getvalue()


def add_photos(runtime: Runtime, photos: Sequence[bytes]) -> list[int]:
    """Into store and catalog; their ids."""
    ids = []
    for data in photos:
        sha256 = hashlib.sha256(data).hexdigest()
        key = image_key(sha256, "PNG")
        runtime.store.put(key, data, "image/png")
        values = {"sha256": sha256, "key": key, "bytes": len(data)}
        with runtime.engine.begin() as connection:
            ids.append(connection.execute(_ADD, values).scalar_one())
    return ids


def tell(runtime: Runtime, labels: Mapping[str, str]) -> None:
    """A person's word: sku to label."""
    lines = [f'"{sku}","{label}"' for sku, label in labels.items()]
    file = io.BytesIO("\n".join(["sku,label", *lines]).encode())
    assert not import_labels(runtime.engine, file, "anna", lambda error: None).refused


def add_bars(runtime: Runtime, count: int = 40) -> None:
    """`count` products of a photo each, and what people said of them."""
    for number, image_id in enumerate(
        add_photos(runtime, [photo(number, bool(number % 2)) for number in range(count)])
    ):
        add_product(runtime.engine, f"bar-{number:03d}", [image_id])
    tell(runtime, {f"bar-{number:03d}": BARS[number % 2] for number in range(count)})


_ADD = sa.text(
    """
    INSERT INTO images (sha256, object_key, format, bytes, width, height)
    VALUES (:sha256, :key, 'PNG', :bytes, 40, 40) RETURNING id
    """
)
