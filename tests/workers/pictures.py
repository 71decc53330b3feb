"""A shop with real photos and masks: what exports of pixels need."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

from catalog.asset_store import image_key, mask_key
from models.colour import Pixels
from models.runs import Runs
from tests.catalog.shop import add_product, add_version, execute, plan, rows
from workers.masks import encode_mask
from workers.runtime import Runtime

LABELS = ("product", "shadow")
TURNED = 6  # EXIF: to be turned by a quarter


@dataclass(frozen=True, slots=True)
class Picture:
    """A photo as it is seen, RGB (h, w, 3), and its mask (h, w)."""

    id: int
    sha256: str
    pixels: Pixels
    mask: Pixels


def add_pictures(runtime: Runtime, count: int, model: str = "mask") -> list[Picture]:
    """PNG photos of different sizes, the second of them turned by EXIF; a segmenter and a detector saw them all."""
    mask = add_version(runtime.engine, model, task="segment", labels=LABELS)
    boxes = add_version(runtime.engine, f"{model}-boxes", task="detect", labels=("Shirt", "product"))
    made = [_picture(runtime, number) for number in range(count)]
    for one in made:
        add_mask(runtime, one, mask.id, mask.key)
        execute(
            runtime.engine,
            "INSERT INTO detections VALUES (:i, :v, 0, 'Shirt', 0.9, 1.5, 2, 5, 7), "
            "(:i, :v, 1, 'product', 0.2, 0, 0, 1, 1)",
            i=one.id,
            v=boxes.id,
        )
    plan(runtime.engine, [one.id for one in made], mask.id, boxes.id)
    execute(runtime.engine, "UPDATE work_items SET state = 'done'")
    return made


def add_mask(runtime: Runtime, picture: Picture, version_id: int, model: str) -> None:
    key = mask_key(model, picture.sha256)
    runtime.store.put(key, encode_mask(Runs.of(picture.mask)), "image/png")
    for number, label in enumerate(LABELS, start=1):
        if (picture.mask == number).any():
            execute(
                runtime.engine,
                "INSERT INTO segments VALUES (:i, :v, :label, 0.8, 0.1, 0, 0, 1, 1, :key)",
                i=picture.id,
                v=version_id,
                label=label,
                key=key,
            )


def _picture(runtime: Runtime, number: int) -> Picture:
    rng = np.random.default_rng(number)
    height, width = 20 + number, 31 + 3 * number
    pixels = rng.integers(0, 256, (height, width, 3), np.uint8)
    mask = np.zeros((height, width), np.uint8)
    mask[0 if number % 2 else 3 : 9, 2 : 10 + number] = 1
    if number % 3 == 0:
        mask[12:15, 5:] = 2
    data = _png(pixels, turned=number == 1)
    sha256 = hashlib.sha256(data).hexdigest()
    key = image_key(sha256, "PNG")
    runtime.store.put(key, data, "image/png")
    columns = {"sha": sha256, "key": key, "bytes": len(data), "w": width, "h": height}
    execute(
        runtime.engine,
        "INSERT INTO images (sha256, object_key, format, bytes, width, height) "
        "VALUES (:sha, :key, 'PNG', :bytes, :w, :h)",
        **columns,
    )
    ((image_id,),) = rows(runtime.engine, "SELECT id FROM images WHERE sha256 = :sha", sha=sha256)
    add_product(runtime.engine, f"SKU-{number}", [image_id])
    return Picture(image_id, sha256, pixels, mask)


def _png(pixels: Pixels, *, turned: bool) -> bytes:
    """With `turned`, stored lying down and said by EXIF to stand up."""
    data, exif = io.BytesIO(), Image.Exif()
    image = Image.fromarray(pixels)
    if turned:
        exif[0x0112] = TURNED
        image = image.transpose(Image.Transpose.ROTATE_90)
    image.save(data, "PNG", exif=exif)
    return data.getvalue()
