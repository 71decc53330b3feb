"""Photos and masks side by side: what the numbers mean, and boxes drawn from them."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.errors import DataError
from models.predictions import Box
from models.training.looking import look
from models.training.readers.components import areas
from models.training.readers.run_lengths import drawn
from models.training.samples import IGNORED, LabelledPhotos, TrainableTask
from tests.models.training.labelled import codes, read_as, write_photo


def write(folder: Path, labels: str | None = None, **masks: Image.Image) -> Path:
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for seed, (name, mask) in enumerate(masks.items()):
        write_photo(folder / "images" / f"{name}.jpg", seed, mask.size)
        mask.save(folder / "masks" / f"{name}.png")
    if labels is not None:
        (folder / "labels.txt").write_text(labels)
    return folder


def of(*values: int, mode: str = "L") -> Image.Image:
    """A mask of 40 x 30 pixels with five rows of each value, from the top."""
    pixels = np.zeros((30, 40), np.uint8)
    for k, value in enumerate(values):
        pixels[5 * k : 5 * k + 5] = value
    return Image.fromarray(pixels).convert(mode)


def seen(found: LabelledPhotos) -> list[list[int]]:
    return [np.unique(one.mask.load()).tolist() for one in found.samples if one.mask]


@pytest.mark.parametrize(
    ("names", "masks", "labels", "values"),
    [
        ("shoe\nbag\n", [of(1), of(2, 255)], ("shoe", "bag"), [[0, 1], [0, 2, 255]]),
        ("background\nshoe\nbag\n", [of(1), of(2)], ("shoe", "bag"), [[0, 1], [0, 2]]),
        ("shoe\n", [of(255), of(255)], ("shoe",), [[0, 1], [0, 1]]),
        ("shoe\n", [of(1), of(1, 255)], ("shoe",), [[0, 1], [0, 1, 255]]),
        (None, [of(255), of()], ("foreground",), [[0, 1], [0]]),
        (None, [of(1), of(1)], ("foreground",), [[0, 1], [0, 1]]),
        (None, [of(3, 7), of(7, 255)], ("3", "7"), [[0, 1, 2], [0, 2, 255]]),
        (None, [of(255, mode="1"), of(255, mode="1")], ("foreground",), [[0, 1], [0, 1]]),
        (None, [of(255, mode="RGB"), of(255, mode="RGBA")], ("foreground",), [[0, 1], [0, 1]]),
        (None, [of(2, 4, mode="I;16"), of(2)], ("2", "4"), [[0, 1, 2], [0, 1]]),
        (None, [of(1, 20, 255), of(2)], ("1", "2", "20"), [[0, 1, 3, 255], [0, 2]]),
        (None, [of(60, 120), of(180)], ("60", "120", "180"), [[0, 1, 2], [0, 3]]),
    ],
    ids=["names", "background is 0", "white", "white is ignored", "unnamed white", "unnamed one", "unnamed numbers",
         "one bit", "grey in colours", "16 bits", "VOC", "far apart"],
)  # fmt: skip
def test_what_numbers_mean(
    tmp_path: Path,
    names: str | None,
    masks: list[Image.Image],
    labels: tuple[str, ...],
    values: list[list[int]],
) -> None:
    found = read_as("segment", write(tmp_path, names, **dict(zip("ab", masks, strict=True))))
    assert found.labels == labels
    assert seen(found) == values
    assert not look(found).problems


SMOOTH = Image.fromarray(np.eye(8, dtype=np.uint8) * 255).resize((40, 30), Image.Resampling.BICUBIC)
MANY = Image.fromarray(np.repeat(np.arange(22, dtype=np.uint8)[:, None], 22, axis=1))


@pytest.mark.parametrize(
    ("mask", "said"),
    [
        (SMOOTH, " from 0 to 255"),
        (of(255, 128), " 3 different numbers from 0 to 255"),
        (MANY, " 23 different numbers"),
    ],
    ids=["smooth edges", "one shade", "many"],
)
@pytest.mark.parametrize("task", ["segment", "detect"])
def test_shades_of_grey_are_no_labels(
    tmp_path: Path, task: TrainableTask, mask: Image.Image, said: str
) -> None:
    with pytest.raises(DataError) as caught:
        read_as(task, write(tmp_path, a=mask, b=of(255)))
    assert str(caught.value).startswith(f"the masks in {tmp_path} hold ")
    assert said in str(caught.value)
    assert "save them without smoothing (nearest neighbour), or name the labels in" in str(caught.value)


def test_many_numbers_with_names(tmp_path: Path) -> None:
    names = [f"label {k}" for k in range(1, 22)]
    assert read_as("segment", write(tmp_path, "\n".join(names), a=MANY)).labels == tuple(names)


def test_palettes_are_numbers(tmp_path: Path) -> None:
    mask = of(1, 2)
    mask.putpalette([0, 0, 0, 200, 0, 0, 0, 200, 0])
    assert seen(read_as("segment", write(tmp_path, "shoe\nbag", a=mask))) == [[0, 1, 2]]


def test_photos_and_masks_alone_and_below(tmp_path: Path) -> None:
    write(tmp_path, a=of(1), b=of(1), c=of(1))
    (tmp_path / "images" / "b.jpg").unlink()
    (tmp_path / "masks" / "c.png").unlink()
    write_photo(tmp_path / "images" / "x" / "d.jpg")
    (tmp_path / "masks" / "x").mkdir()
    of(1).save(tmp_path / "masks" / "x" / "d.png")
    found = read_as("segment", tmp_path)
    assert [one.product for one in found.samples] == ["a", "x/d"]
    assert codes(found) == ["no_mask", "no_photo"]
    assert "has no mask of its name; draw one" in found.problems[0].sentence


def test_folders_within_both_are_splits(tmp_path: Path) -> None:
    for name in ("train/a", "val/a", "Test/b", "c", "test"):
        for kind in ("images", "masks"):
            path = tmp_path / kind / f"{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.eye(8, dtype=np.uint8)).save(path)
    found = sorted((one.product, str(one.split)) for one in read_as("segment", tmp_path).samples)
    assert found == [
        ("Test/b", "test"),
        ("c", "None"),
        ("test", "None"),
        ("train/a", "train"),
        ("val/a", "val"),
    ]


def test_masks_that_cannot_be_used_are_problems_with_both_sizes(tmp_path: Path) -> None:
    write(tmp_path, "shoe\nbag", a=of(1), b=of(1), c=of(3), d=of(1, 2), e=of(1))
    write_photo(tmp_path / "images" / "b.jpg", 1, (80, 60))
    (tmp_path / "masks" / "d.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    Image.new("RGB", (40, 30), (9, 8, 7)).save(tmp_path / "masks" / "e.png")
    found = look(read_as("segment", tmp_path))
    assert [one.code for one in found.problems] == [
        "wrong_mask_size",
        "unknown_mask_value",
        "bad_mask",
        "bad_mask",
    ]
    assert "b.png has 40 x 30 pixels, the photo 80 x 60; export the mask at" in found.problems[0].sentence
    assert "d.png cannot be read" in found.problems[2].sentence
    assert "e.png is in colour; save it with one channel" in found.problems[3].sentence
    assert len(found.samples) == 1


@pytest.mark.parametrize(
    ("labels", "masks", "sentence"),
    [
        (None, [of()], "no mask in {folder} has a number but 0; draw the labels with numbers from 1 on"),
        (None, [], "no mask in {folder} has a number but 0"),
        ("shoe\nbag", [], "{folder} has no photo that can be used"),
        ("shoe\nShoe", [of(1)], "{folder} has the labels 'shoe' and 'Shoe', which differ only by case"),
        ("shoe\n\nbag", [of(1)], "{folder} has the label '' of 0 characters; give it a name"),
        ("\n".join(map(str, range(300))), [of(1)], "{folder} has 300 labels; masks need 1 to 254, since 255"),
    ],
)
def test_folders_that_cannot_be_used(
    tmp_path: Path, labels: str | None, masks: list[Image.Image], sentence: str
) -> None:
    with pytest.raises(DataError) as caught:
        read_as("segment", write(tmp_path, labels, **dict(zip("abc", masks, strict=False))))
    assert sentence.format(folder=tmp_path) in str(caught.value)


def test_each_connected_area_is_an_object(tmp_path: Path) -> None:
    pixels = np.zeros((30, 40), np.uint8)
    pixels[2:8, 3:9], pixels[8:12, 9:12], pixels[20:26, 20:30] = 1, 1, 2  # the first two meet at a corner
    pixels[15:20, 0:5], pixels[29, 39], pixels[14, 20:30] = 1, 1, IGNORED
    found = read_as("detect", write(tmp_path, "shoe\nbag", a=Image.fromarray(pixels), b=of()))
    first, empty = found.samples
    assert [(one.label, one.box) for one in first.instances or ()] == [
        *(("shoe", Box(3, 2, 12, 12)), ("shoe", Box(0, 15, 5, 20)), ("bag", Box(20, 20, 30, 26)))
    ]
    assert [int(drawn(one.rle).sum()) for one in first.instances or () if one.rle] == [48, 25, 60]
    assert (first.size, first.mask, empty.instances) == ((40, 30), None, ())
    assert codes(found) == ["specks"]
    assert found.problems[0].sentence.startswith("1 areas of fewer than 9 pixels")


def test_specks_alone_do_not_make_an_empty_photo(tmp_path: Path) -> None:
    speck = np.zeros((30, 40), np.uint8)
    speck[3, 3] = 1
    found = read_as("detect", write(tmp_path, "shoe\nbag", a=Image.fromarray(speck), b=of(1), c=of(9)))
    assert codes(found) == ["specks", "unknown_mask_value", "empty_class"]
    assert len(found.samples) == 1


def test_boxes_from_masks_need_pycocotools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pycocotools", None)
    with pytest.raises(DataError, match=r"need pycocotools: `pip install 'tagmill\[train\]'`"):
        read_as("detect", write(tmp_path, "shoe\nbag", a=of(1)))


@pytest.mark.parametrize("seed", range(20))
def test_areas_as_flooding_finds_them(seed: int) -> None:
    rng = np.random.default_rng(seed)
    mask = rng.random((rng.integers(1, 25), rng.integers(1, 25))) < rng.choice([0.2, 0.4, 0.6, 0.9])
    found = {frozenset(map(tuple, np.argwhere(area.drawn(*mask.shape)).tolist())) for area in areas(mask)}
    assert found == flooded({(int(y), int(x)) for y, x in np.argwhere(mask)})
    assert sum(area.pixels for area in areas(mask)) == mask.sum()


def flooded(left: set[tuple[int, int]]) -> set[frozenset[tuple[int, int]]]:
    found = set()
    while left:
        area, edge = set(), [left.pop()]
        while edge:
            y, x = edge.pop()
            area.add((y, x))
            near = {(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)} & left
            left -= near
            edge += near
        found.add(frozenset(area))
    return found
