"""Photos like a shop's: 600 to 1600 pixels, one product or a few, on plain or patterned ground; no two files alike."""

from __future__ import annotations

import csv
import struct
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from io import BytesIO
from pathlib import Path

from PIL import Image

from models.starter.sample import load_sample
from models.starter.shelf import ShelfStyle, compose

SEED = 4_000_000
DIFFERENT = 400
"""Pictures that are composed; beyond them a file is one of these with another comment in it."""

LARGE = ShelfStyle(sides=(600, 1600), products=(1, 3), scale=(0.3, 0.7), noise=1.5)
SMALL = ShelfStyle(sides=(280, 420), products=(1, 1), scale=(0.5, 0.8), noise=1.5)


def write_photos(folder: Path, count: int, style: ShelfStyle = LARGE) -> Path:
    """`count` JPEGs and the manifest that names them. What is there from an earlier run is kept."""
    folder.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor() as pool:
        list(pool.map(partial(_compose, folder, style), range(min(count, DIFFERENT)), chunksize=8))
    for n in range(DIFFERENT, count):
        _write(folder / name(n), lambda n=n: _commented((folder / name(n % DIFFERENT)).read_bytes(), n))
    manifest = folder / f"products-{count}.csv"
    with manifest.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("sku", "title", "photo"))
        rows.writerows((f"SKU-{n}", f"Item {n}", name(n)) for n in range(count))
    return manifest


def name(n: int) -> str:
    return f"{n:06d}.jpg"


def _compose(folder: Path, style: ShelfStyle, n: int) -> None:
    def jpeg() -> bytes:
        products, labels, _ = load_sample()
        photo = compose(products, labels, SEED + n, style)
        buffer = BytesIO()
        Image.fromarray(photo.pixels).save(buffer, "JPEG", quality=70 + n % 20)
        return buffer.getvalue()

    _write(folder / name(n), jpeg)


def _write(path: Path, made: Callable[[], bytes]) -> None:
    if not path.exists():
        fresh = path.with_suffix(".part")
        fresh.write_bytes(made())
        fresh.replace(path)


def _commented(jpeg: bytes, n: int) -> bytes:
    """The same picture as another file: with a comment behind the start marker."""
    text = b"%08d" % n
    return jpeg[:2] + b"\xff\xfe" + struct.pack(">H", len(text) + 2) + text + jpeg[2:]
