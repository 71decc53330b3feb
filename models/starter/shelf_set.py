"""A labelled set of composed shelf photos on disk, to learn boxes or masks from.

    python -m models.starter.shelf_set --out shelf

Training photos show products of Fashion-MNIST's training split; test photos show those of its test split, on kinds of
surfaces that no training photo has. `boxes.csv` is for detect, with the type of a product as its label;
`products.csv` has the same boxes, each with the label `product`. The folder itself (`images`, `masks`) is for
segment.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from models.starter.data import LABELS, ProductPhotos, Split, load_fashion_mnist
from models.starter.shelf import ShelfPhoto, ShelfStyle, compose
from models.starter.textures import SURFACES, cloth, speckle, tiles

HELD_OUT = (tiles, cloth, speckle)
KNOWN = tuple(surface for surface in SURFACES if surface not in HELD_OUT)
STYLE = ShelfStyle(sides=(320, 512), products=(1, 6), scale=(0.18, 0.55))
QUALITY = 92
PRODUCT = "product"
COLUMNS = ("image", "label", "left", "top", "right", "bottom", "split")


@dataclass(frozen=True, slots=True)
class Shelf:
    """One split's photos: where they go, what they show, from which seed on."""

    folder: Path
    split: Split
    source: ProductPhotos
    seed: int

    def write(self, number: int) -> list[tuple[object, ...]]:
        """Photo `number` with its mask; returns its rows of the table."""
        surfaces = HELD_OUT if self.split == "test" else KNOWN
        photo = compose(*self.source, self.seed + number, replace(STYLE, surfaces=surfaces))
        name = f"{self.split}/{number:05d}"
        image, mask = (self.folder / kind / name for kind in ("images", "masks"))
        Image.fromarray(photo.pixels).save(image.with_suffix(".jpg"), quality=QUALITY)
        Image.fromarray((photo.mask > 0).astype(np.uint8)).save(mask.with_suffix(".png"))
        return list(self._rows(f"images/{name}.jpg", photo))

    def _rows(self, image: str, photo: ShelfPhoto) -> Iterator[tuple[object, ...]]:
        for box, label in zip(photo.boxes.tolist(), photo.labels.tolist(), strict=True):
            yield (image, LABELS[label], *(round(edge) for edge in box), self.split)


def write(shelf: Shelf, count: int, processes: int) -> list[tuple[object, ...]]:
    for kind in ("images", "masks"):
        (shelf.folder / kind / shelf.split).mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(processes) as pool:
        found = pool.map(partial(Shelf.write, shelf), range(count), chunksize=64)
        return [row for rows in found for row in rows]


def write_tables(folder: Path, rows: Sequence[tuple[object, ...]]) -> None:
    """`boxes.csv`, where labels are types, and `products.csv`, where each is `product`."""
    unnamed = [(image, PRODUCT, *rest) for image, _, *rest in rows]
    for name, table in (("boxes.csv", rows), ("products.csv", unnamed)):
        with (folder / name).open("w", newline="") as file:
            csv.writer(file).writerows([COLUMNS, *table])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for images, masks and both tables")
    parser.add_argument("--fashion-mnist", type=Path, help="folder with the four gzipped IDX files")
    parser.add_argument("--train", type=int, default=6000, help="photos to learn from")
    parser.add_argument("--test", type=int, default=500, help="photos to measure on")
    parser.add_argument("--processes", type=int, default=2)
    told = parser.parse_args()
    rows = []
    counts: tuple[tuple[Split, int, int], ...] = (
        ("train", told.train, 0),
        ("test", told.test, 1_000_000_000),
    )
    for split, count, seed in counts:
        shelf = Shelf(told.out, split, load_fashion_mnist(split, told.fashion_mnist), seed)
        rows += write(shelf, count, told.processes)
    write_tables(told.out, rows)
    (told.out / "labels.txt").write_text(f"{PRODUCT}\n")
    print(f"wrote {told.train} training and {told.test} test photos to {told.out}")


if __name__ == "__main__":
    main()
