"""The demo's catalog on disk: photos, a manifest, and the known answers apart. Made once, always the same."""

from __future__ import annotations

import csv
import hashlib
import io
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from pathlib import Path
from typing import Any

from PIL import Image

from models.starter.data import LABELS
from models.starter.sample import Sample, load_sample
from models.starter.shelf import ShelfPhoto, compose
from workers.demo import answers
from workers.demo.answers import Answers, Shelf
from workers.demo.shop import CATEGORIES, CURRENCY, Listing, display, product

MANIFEST = "products.csv"
SEED = 20_260_000
_THREADS = 4  # most of composing is array arithmetic, during which other threads run
# How many photos a display has, in turn.
_PHOTOS_OF_DISPLAYS = (1, 1, 2, 1, 3)
_PHOTO_COLUMNS = tuple(f"photo_{n}" for n in range(1, max(_PHOTOS_OF_DISPLAYS) + 1))

Row = tuple[Listing, list[str]]


def write_catalog(
    folder: Path, photos: int, shelves: int, on_progress: Callable[[int], None] = lambda _: None
) -> tuple[Answers, bool]:
    """Make sure that `folder` holds the demo's catalog: (known answers, whether it had to be written).

    `photos` of one product each, 1,200 at most, and `shelves` composed from the products of the whole sample.
    """
    sample = load_sample()
    recipe: dict[str, Any] = {
        "seed": SEED,
        "photos": photos,
        "shelves": shelves,
        "categories": list(CATEGORIES),
        "sample": hashlib.sha256(sample.photos.tobytes() + sample.labels.tobytes()).hexdigest(),
    }
    if (known := _complete(folder, recipe)) is not None:
        return known, False
    for name in ("photos", "shelves"):
        shutil.rmtree(folder / name, ignore_errors=True)
        (folder / name).mkdir(parents=True)
    rows: list[Row] = []
    made = Answers({}, {}, {})
    _write_products(folder, sample, photos, rows, made)
    _write_shelves(folder, sample, shelves, rows, made, on_progress)
    _write_manifest(folder / MANIFEST, rows)
    answers.save(folder, recipe, made)
    return made, True


def _complete(folder: Path, recipe: dict[str, Any]) -> Answers | None:
    """The answers, if the catalog was made by this recipe and its photos are as they were written."""
    try:
        found, known = answers.load(folder)
    except (OSError, ValueError, KeyError):
        return None
    if found != recipe or not (folder / MANIFEST).is_file():
        return None
    files = sorted(folder.glob("photos/*")) + sorted(folder.glob("shelves/*"))
    return known if [_sha256(file.read_bytes()) for file in files] == known.hashes else None


def _write_products(folder: Path, sample: Sample, photos: int, rows: list[Row], made: Answers) -> None:
    """Dark on white, as a shop photographs: Fashion-MNIST itself shows the negative."""
    for number, (pixels, label) in enumerate(
        zip(sample.photos[:photos], sample.labels[:photos], strict=True)
    ):
        listing = product(number, int(label))
        buffer = io.BytesIO()
        Image.fromarray(255 - pixels).save(buffer, format="PNG")
        path = f"photos/{listing.sku}.png"
        sha256 = _put(folder / path, buffer.getvalue())
        made.types[sha256] = LABELS[int(label)]
        made.skus[sha256] = listing.sku
        rows.append((listing, [path]))


def _write_shelves(
    folder: Path,
    sample: Sample,
    shelves: int,
    rows: list[Row],
    made: Answers,
    on_progress: Callable[[int], None],
) -> None:
    places = list(_places(shelves))
    with ThreadPoolExecutor(_THREADS) as pool:
        composed = pool.map(lambda n: compose(sample.photos, sample.labels, SEED + n), range(shelves))
        for done, (shelf, (listing, path)) in enumerate(zip(composed, places, strict=True), start=1):
            sha256 = _put(folder / path, _jpeg(shelf))
            labels = tuple(LABELS[int(label)] for label in shelf.labels)
            made.shelves[sha256] = Shelf(listing.sku, shelf.boxes, labels, shelf.mask > 0)
            if rows[-1:] and rows[-1][0] == listing:
                rows[-1][1].append(path)
            else:
                rows.append((listing, [path]))
            on_progress(done)


def _places(shelves: int) -> Iterator[tuple[Listing, str]]:
    """The display that each shelf photo belongs to, and its path."""
    number = 0
    for display_number, count in enumerate(cycle(_PHOTOS_OF_DISPLAYS)):
        for photo in range(count):
            if number == shelves:
                return
            listing = display(display_number)
            yield listing, f"shelves/{listing.sku}-{photo + 1}.jpg"
            number += 1


def _write_manifest(path: Path, rows: list[Row]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("sku", "title", "brand", "category", "price", "currency", *_PHOTO_COLUMNS))
        for listing, paths in rows:
            price, currency = ("", "") if listing.price is None else (str(listing.price), CURRENCY)
            blanks = [""] * (len(_PHOTO_COLUMNS) - len(paths))
            listed = (listing.sku, listing.title, listing.brand, listing.category, price, currency)
            writer.writerow((*listed, *paths, *blanks))


def _jpeg(shelf: ShelfPhoto) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(shelf.pixels).save(buffer, format="JPEG", quality=90)
    return buffer.getvalue()


def _put(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    return _sha256(data)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
