"""Looking at photos: what is found in them, what fits together, and what is left out with which sentence."""

from __future__ import annotations

import threading
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from models.photo import Sides
from models.predictions import Box
from models.training.hashes import difference_hashes, thumbnail
from models.training.looking import Looked, look
from models.training.readers.sources import MaskFile
from models.training.samples import (
    IGNORED,
    Instance,
    LabelledPhotos,
    PhotoFile,
    PhotoPixels,
    Sample,
    TrainableTask,
)
from tests.models.training.labelled import write_photo

PLAIN = np.arange(256, dtype=np.uint8)


def looked(*samples: Sample, task: TrainableTask = "classify", **options: Any) -> Looked:
    return look(LabelledPhotos("here", task, ("bag", "shoe"), samples), **options)


def sample(path: Path, **more: Any) -> Sample:
    return Sample(PhotoFile(path), path.stem, f"list.csv:{path.stem}", **more)


def test_a_row_for_each_usable_sample_in_their_order(tmp_path: Path) -> None:
    samples = [sample(write_photo(tmp_path / f"{k}.png", k, (40 + k, 30)), label="bag") for k in range(150)]
    (tmp_path / "77.png").write_bytes(b"")
    told: list[tuple[int, int, int]] = []
    here = threading.get_ident()
    found = looked(*samples, on_progress=lambda *now: told.append((*now, threading.get_ident())))
    assert found.samples == (*samples[:77], *samples[78:])
    assert found.looks.sizes[[0, 76, 77, 148]].tolist() == [[40, 30], [116, 30], [118, 30], [189, 30]]
    assert (found.looks.thumbnails.shape, found.looks.digests.shape) == ((149, 16, 16), (149, 16))
    assert found.looks.hashes.dtype == np.uint64
    assert len(np.unique(found.looks.digests, axis=0)) == 149
    assert found.looks.labels == (("bag",),) * 149
    assert told == [(64, 150, here), (128, 150, here), (150, 150, here)]


def test_no_samples() -> None:
    found = looked()
    assert (found.looks.sizes.shape, found.looks.thumbnails.shape) == ((0, 2), (0, 16, 16))
    assert found.looks.hashes.shape == (0,)


def test_the_problems_of_the_reader_come_first(tmp_path: Path) -> None:
    known = looked(sample(tmp_path / "none.png", label="bag")).problems
    both = look(LabelledPhotos("here", "classify", ("bag",), (sample(tmp_path / "more.png"),), known))
    assert [one.origin for one in both.problems] == ["list.csv:none", "list.csv:more"]


@pytest.mark.parametrize(
    ("content", "code"),
    [(b"", "empty_file"), (b"no photo", "not_an_image"), (b"8BPS", "format_refused"), (None, "unreadable")],
)
def test_photos_that_cannot_be_decoded(tmp_path: Path, content: bytes | None, code: str) -> None:
    path = tmp_path / "a.jpg"
    if content is not None:
        path.write_bytes(content)
    (problem,) = looked(sample(path, label="bag")).problems
    assert (problem.code, problem.origin) == (code, "list.csv:a")
    assert len(problem.sentence) > 10


def test_a_photo_that_ends_too_early(tmp_path: Path) -> None:
    path = write_photo(tmp_path / "a.jpg", size=(400, 300))
    path.write_bytes(path.read_bytes()[:-2000])
    assert [one.code for one in looked(sample(path)).problems] == ["truncated"]


def test_the_digest_is_that_of_the_pixels(tmp_path: Path) -> None:
    png, bmp = write_photo(tmp_path / "a.png", 1), write_photo(tmp_path / "b.bmp", 1)
    grey = np.full((20, 30), 7, np.uint8)
    flat = [PhotoPixels(grey, "a"), PhotoPixels(grey.T, "b"), PhotoPixels(np.stack([grey] * 3, 2), "c")]
    samples = [sample(png), sample(bmp), *(Sample(one, "x", "x") for one in flat)]
    a, b, c, d, e = looked(*samples).looks.digests.tolist()
    assert a == b
    assert c == e != d


def test_large_photos_are_decoded_small(tmp_path: Path) -> None:
    path = write_photo(tmp_path / "a.jpg", size=(1600, 1200))
    assert looked(sample(path), sides=Sides(64, 64)).looks.sizes.tolist() == [[1600, 1200]]


BOXES = {
    "inside": (Box(1, 2, 11, 12), Box(1, 2, 11, 12), None),
    "the whole photo": (Box(0, 0, 40, 30), Box(0, 0, 40, 30), None),
    "rounding": (Box(-1, -0.5, 41, 30.5), Box(0, 0, 40, 30), None),
    "reaching out": (
        Box(-5, 2, 11, 40),
        Box(0, 2, 11, 30),
        "the box -5, 2, 11, 40 (bag) reaches 10 pixels beyond the photo; that part is left out",
    ),
    "outside": (Box(40, 2, 50, 12), None, "the box 40, 2, 50, 12 (bag) lies outside the photo of 40 x 30"),
    "empty": (Box(5, 5, 5, 9), None, "the box 5, 5, 5, 9 (bag) has no area"),
    "reversed": (Box(9, 9, 5, 5), None, "the box 9, 9, 5, 5 (bag) has no area"),
}


@pytest.mark.parametrize(("box", "inner", "sentence"), BOXES.values(), ids=BOXES)
def test_boxes_are_clipped_to_their_photo(
    tmp_path: Path, box: Box, inner: Box | None, sentence: str | None
) -> None:
    other = Instance("shoe", Box(0, 0, 9, 9))
    path = write_photo(tmp_path / "a.png")
    found = looked(sample(path, instances=(Instance("bag", box), other)), task="detect")
    expected = ([Instance("bag", inner)] if inner else []) + [other]
    assert list(found.samples[0].instances or ()) == expected
    assert [(one.origin, one.sentence) for one in found.problems] == (
        [("list.csv:a", sentence)] if sentence else []
    )
    assert found.looks.labels == (("bag", "shoe") if inner else ("shoe",),)


def test_a_photo_without_a_usable_box_does_not_seem_empty(tmp_path: Path) -> None:
    path = write_photo(tmp_path / "a.png")
    gone = Instance("bag", Box(50, 50, 60, 60))
    found = looked(sample(path, instances=(gone,)), sample(path, instances=()), task="detect")
    assert [one.instances for one in found.samples] == [()]
    assert [one.code for one in found.problems] == ["no_usable_box"]


@pytest.mark.parametrize(
    "more",
    [
        {"size": (80, 60), "instances": ()},
        {"size": (30, 40), "instances": ()},
        {"instances": (Instance("bag", Box(0, 0, 5, 5), {"size": [40, 30], "counts": b""}),)},
    ],
    ids=["scaled", "turned", "outline"],
)
def test_annotations_of_another_size(tmp_path: Path, more: dict[str, Any]) -> None:
    found = looked(sample(write_photo(tmp_path / "a.png"), **more), task="detect")
    assert [one.code for one in found.problems] == ["wrong_size"]
    assert "the photo has 40 x 30 as it is shown" in found.problems[0].sentence


def test_sizes_are_those_after_turning(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    path = write_photo(tmp_path / "a.jpg", exif=exif)
    found = looked(sample(path, size=(30, 40), instances=()), task="detect")
    assert found.looks.sizes.tolist() == [[30, 40]]


def test_masks_are_read_for_their_labels(tmp_path: Path) -> None:
    mask = np.zeros((30, 40), np.uint8)
    mask[:5], mask[5:9] = 2, IGNORED
    Image.fromarray(mask).save(tmp_path / "mask.png")
    path = write_photo(tmp_path / "a.png")
    found = looked(sample(path, mask=MaskFile(tmp_path / "mask.png", PLAIN)), task="segment")
    assert found.looks.labels == (("shoe",),)


def test_the_digest_of_a_mask_is_that_of_its_labels(tmp_path: Path) -> None:
    path = write_photo(tmp_path / "a.png")
    white = PLAIN.copy()
    white[255] = 1
    masks = []
    for name, value, values in (("one", 1, PLAIN), ("white", 255, white), ("two", 2, PLAIN)):
        Image.new("L", (40, 30), value).save(tmp_path / f"{name}.png")
        masks.append(MaskFile(tmp_path / f"{name}.png", values))
    found = looked(*(sample(path, mask=mask) for mask in masks), sample(path, label="bag"), task="segment")
    one, same, other, none = found.looks.masks
    assert one == same != other
    assert none is None
    assert [kept.mask for kept in found.samples] == [*masks, None]


def test_hashes_survive_what_shops_do_to_photos(tmp_path: Path) -> None:
    pixels = np.array(Image.open(write_photo(tmp_path / "a.png", 3, (400, 300))))
    file = BytesIO()
    Image.fromarray(pixels).resize((200, 150)).save(file, "JPEG", quality=50)
    copy = np.array(Image.open(file))
    other = np.array(Image.open(write_photo(tmp_path / "b.png", 4, (400, 300))))
    small = np.array([np.frombuffer(thumbnail(one), np.uint8) for one in (pixels, copy, other)])
    first, second, third = difference_hashes(small.reshape(-1, 16, 16)).tolist()
    assert (first ^ second).bit_count() <= 2
    assert (first ^ third).bit_count() > 16


def test_a_hash_says_where_grey_rises() -> None:
    steps = np.repeat(np.array([0] * 8 + [9] * 8, np.uint8)[None], 16, axis=0)
    noise = np.random.default_rng(0).integers(254, 256, (16, 16)).astype(np.uint8)
    bits = [f"{value:064b}" for value in difference_hashes(np.stack([steps, steps[:, ::-1], noise])).tolist()]
    assert bits[0].count("1") == 16  # the cell in the middle lies half on either side
    assert bits[1].count("1") == bits[2].count("1") == 0  # falls, and noise on white, are no rises


def test_samples_stay_the_same_objects(tmp_path: Path) -> None:
    one = sample(write_photo(tmp_path / "a.png"), label="bag")
    found = looked(one, replace(one, label="shoe"))
    assert found.samples[0] is one
