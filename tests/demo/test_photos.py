"""The demo's catalog: the same every time, and silent about what it shows."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.starter.data import LABELS
from models.starter.sample import load_sample
from workers.demo.answers import Answers
from workers.demo.photos import MANIFEST, write_catalog
from workers.demo.shop import CATEGORIES, product


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Answers]:
    folder = tmp_path_factory.mktemp("demo")
    answers, new = write_catalog(folder, 30, 6)
    assert new
    return folder, answers


def rows(folder: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO((folder / MANIFEST).read_text(encoding="utf-8"))))


def test_products_are_the_sample_dark_on_white_at_their_own_size(catalog: tuple[Path, Answers]) -> None:
    folder, answers = catalog
    sample = load_sample()
    with Image.open(folder / "photos" / "DEMO-0003.png") as photo:
        assert photo.size == (28, 28)
        assert np.array_equal(np.asarray(photo), 255 - sample.photos[2])
    assert list(answers.types.values()) == [LABELS[label] for label in sample.labels[:30]]


def test_the_manifest_names_every_photo_and_no_title_tells_the_product_type(
    catalog: tuple[Path, Answers],
) -> None:
    folder, _ = catalog
    found = rows(folder)
    photos = [row[name] for row in found for name in ("photo_1", "photo_2", "photo_3") if row[name]]
    assert sorted(photos) == sorted(str(p.relative_to(folder)) for p in folder.glob("*/*"))
    assert len({row["sku"] for row in found}) == len(found)
    assert any(row["photo_2"] for row in found)
    words = {word.casefold() for label in LABELS for word in label.replace("/", " ").split()}
    titles = {word.casefold() for row in found for word in row["title"].replace(",", " ").split()}
    assert not words & titles
    columns = ("sku", "title", "brand", "category", "price", "currency", "photo_1", "photo_2", "photo_3")
    assert tuple(found[0]) == columns


def test_a_few_products_are_in_the_wrong_category_and_the_others_in_their_own() -> None:
    labels = load_sample().labels
    wrong = [n for n, label in enumerate(labels) if product(n, int(label)).category != CATEGORIES[int(label)]]
    assert wrong == [41, *range(141, len(labels), 100)]
    assert {product(n, int(labels[n])).category for n in wrong} <= set(CATEGORIES)


def test_known_masks_have_the_size_of_their_photos(catalog: tuple[Path, Answers]) -> None:
    folder, answers = catalog
    sizes = []
    for path in sorted(folder.glob("shelves/*.jpg")):
        with Image.open(path) as photo:
            sizes.append((photo.height, photo.width))
    assert [shelf.mask.shape for shelf in answers.shelves.values()] == sizes
    assert all(
        shelf.mask.any() and len(shelf.labels) == len(shelf.boxes) for shelf in answers.shelves.values()
    )


def test_it_is_written_once_and_mended_when_it_was_changed(tmp_path: Path) -> None:
    first, _ = write_catalog(tmp_path, 5, 2)
    again, new = write_catalog(tmp_path, 5, 2)
    assert not new
    assert again.types == first.types
    for sha256, shelf in first.shelves.items():
        assert np.array_equal(again.shelves[sha256].mask, shelf.mask)
        assert np.array_equal(again.shelves[sha256].boxes, shelf.boxes)
    (tmp_path / "photos" / "DEMO-0001.png").write_bytes(b"something else")
    mended, new = write_catalog(tmp_path, 5, 2)
    assert new
    assert mended.hashes == first.hashes


def test_other_sizes_are_another_catalog_of_the_same_photos(tmp_path: Path) -> None:
    small, _ = write_catalog(tmp_path, 4, 1)
    large, new = write_catalog(tmp_path, 6, 2)
    assert new
    assert set(small.hashes) < set(large.hashes)
