"""Photos for tests: a few of Fashion-MNIST's, and files that are wrong in every way people have seen."""

from __future__ import annotations

import csv
import io
import struct
import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from models.starter.sample import load_sample


def write_catalog(folder: Path, count: int, *, start: int = 0) -> Path:
    """`count` real product photos and the manifest that names them."""
    photos, _, _ = load_sample()
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for n in range(start, start + count):
        pixels = 255 - photos[n % len(photos)]
        pixels[0, 0] = n // len(photos)  # beyond the sample's size: the same photo, but other bytes
        Image.fromarray(pixels).save(folder / f"{n}.png")
        rows.append((f"SKU-{n}", f"Item {n}", f"{n}.png"))
    return write_manifest(folder / "products.csv", rows)


def write_manifest(path: Path, rows: Iterable[tuple[str, str, str]]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("sku", "title", "photo"))
        writer.writerows(rows)
    return path


def odd_files() -> dict[str, tuple[bytes, str | None]]:
    """File name → (bytes, the failure's code, or None where it must be processed rightly)."""
    photo = Image.fromarray(np.random.default_rng(0).integers(0, 255, (300, 200, 3), dtype=np.uint8))
    frames = [Image.new("RGB", (80, 80), colour) for colour in ("red", "green", "blue")]
    return {
        "truncated.jpg": (_save(photo, "JPEG")[:5000], "truncated"),
        "text.jpg": (b"this is no photo, whatever its name says\n" * 20, "not_an_image"),
        "empty.jpg": (b"", "empty_file"),
        "huge.png": (_huge_png(20_000), "too_many_pixels"),
        "cmyk.jpg": (_save(photo.convert("CMYK"), "JPEG"), None),
        "deep.png": (_save(Image.fromarray(np.full((90, 60), 40_000, np.uint16)), "PNG"), None),
        "animated.gif": (_save(frames[0], "GIF", save_all=True, append_images=frames[1:]), None),
    }


def _save(image: Image.Image, format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def _huge_png(side: int) -> bytes:
    """A well-formed black PNG of side x side pixels, compressed to well under a megabyte."""
    row = b"\0" * (1 + (side + 7) // 8)
    packer = zlib.compressobj(9)
    pixels = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
