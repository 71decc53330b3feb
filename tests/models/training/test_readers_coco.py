"""COCO files: boxes, outlines, masks and labels, and everything that may be wrong with one of them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.errors import DataError
from models.predictions import Box
from models.training.readers.run_lengths import drawn
from models.training.readers.runs import Outline, encoded
from models.training.samples import IGNORED
from tests.models.training.labelled import codes, read_as, write_json, write_photos

coco = pytest.importorskip("pycocotools.mask")

SQUARE = [[10, 5, 20, 5, 20, 15, 10, 15]]
CATEGORIES = [{"id": 7, "name": "shoe"}, {"id": 3, "name": "bag"}, {"id": 9, "name": "hat"}]


def image(number: Any, name: str, **more: Any) -> dict[str, Any]:
    return {"id": number, "file_name": name, "width": 40, "height": 30, **more}


def thing(number: int, photo: Any, category: Any, box: Any = (10, 5, 10, 10), **more: Any) -> dict[str, Any]:
    return {"id": number, "image_id": photo, "category_id": category, "bbox": box, **more}


def write(folder: Path, annotations: list[Any], images: list[Any] | None = None, **more: Any) -> Path:
    write_photos(folder, "a.png", "b.png", "c.png")
    images = images or [image(1, "a.png"), image(2, "b.png"), image(3, "c.png")]
    tree = {"images": images, "annotations": annotations, "categories": CATEGORIES, **more}
    return write_json(folder / "coco.json", tree)


def test_boxes(tmp_path: Path) -> None:
    path = write(tmp_path, [thing(1, 1, 7), thing(2, 1, 3, (0, 0, 4.5, 3)), thing(3, 2, 7, iscrowd=0)])
    found = read_as("detect", path)
    assert found.labels == ("bag", "shoe")  # by id; nobody drew a hat
    assert codes(found) == ["empty_class"]
    first = found.samples[0]
    assert [(one.label, one.box) for one in first.instances or ()] == [
        *(("shoe", Box(10, 5, 20, 15)), ("bag", Box(0, 0, 4.5, 3)))
    ]
    assert (first.origin, first.size) == (f"{path}: image a.png", (40, 30))
    assert found.samples[2].instances == ()  # a photo with nothing in it


def test_photos_in_another_folder(tmp_path: Path) -> None:
    write_photos(tmp_path / "photos" / "x", "a.png")
    path = write(tmp_path, [thing(1, "one", 7)], [image("one", "x/a.png")])
    assert len(read_as("detect", path, photos=str(tmp_path / "photos")).samples) == 1


@pytest.mark.parametrize(
    "segmentation",
    [
        SQUARE,
        [[10, 5, 15, 5, 15, 15, 10, 15], [15, 5, 20, 5, 20, 15, 15, 15]],
        {"size": [30, 40], "counts": [305, *([10, 20] * 9), 10, 615]},
        {"size": [30, 40], "counts": "iP1b9:P1"},
    ],
    ids=["polygon", "two polygons", "run lengths", "packed run lengths"],
)
def test_outlines(tmp_path: Path, segmentation: Any) -> None:
    if isinstance(segmentation, dict) and isinstance(segmentation["counts"], str):
        whole = np.zeros((30, 40), bool)
        whole[5:15, 10:20] = True
        segmentation["counts"] = encoded(whole)["counts"].decode()
    found = read_as("detect", write(tmp_path, [thing(1, 1, 7, segmentation=segmentation)]))
    (one,) = found.samples[0].instances or ()
    assert one.rle is not None
    mask = drawn(one.rle)
    assert dict(one.rle)["size"] == [30, 40]
    assert mask.sum() == 100
    assert mask[5:15, 10:20].all()


def test_boxes_need_no_pycocotools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, [thing(1, 1, 7, segmentation=SQUARE)])
    monkeypatch.setitem(sys.modules, "pycocotools", None)
    (one,) = read_as("detect", path).samples[0].instances or ()
    assert isinstance(one.rle, Outline)
    assert one.rle["size"] == [30, 40]
    for ask in (lambda: read_as("segment", path), lambda: dict(one.rle or {})):
        with pytest.raises(DataError, match=r"need pycocotools: `pip install 'tagmill\[train\]'`"):
            ask()


def test_masks_have_the_smaller_on_top_and_crowds_at_the_bottom(tmp_path: Path) -> None:
    whole = [[0, 0, 40, 0, 40, 30, 0, 30]]
    small = [[12, 7, 14, 7, 14, 9, 12, 9]]
    crowd = {"size": [30, 40], "counts": [0, 1200]}
    left = [[0, 0, 30, 0, 30, 30, 0, 30]]
    annotations = [
        *(thing(1, 1, 3, segmentation=small), thing(2, 1, 7, segmentation=SQUARE)),
        *(thing(3, 1, 3, segmentation=left), thing(4, 1, 7, segmentation=crowd, iscrowd=1)),
        thing(5, 2, 3, segmentation=whole),
    ]
    found = read_as("segment", write(tmp_path, annotations))
    assert found.labels == ("bag", "shoe")
    assert found.samples[0].mask is not None
    mask = found.samples[0].mask.load()
    assert (mask.dtype, mask.shape) == (np.uint8, (30, 40))
    assert (mask[8, 13], mask[6, 11], mask[0, 0], mask[0, 35]) == (1, 2, 1, IGNORED)
    assert found.samples[2].mask is not None
    assert not found.samples[2].mask.load().any()


def test_one_label_a_photo(tmp_path: Path) -> None:
    images = [image(k, name) for k, name in enumerate(("a.png", "b.png", "c.png", "d.png", "e.png", "f.png"))]
    write_photos(tmp_path, "d.png", "e.png", "f.png")
    annotations = [thing(9, k, category) for k, category in enumerate((7, 7, 3, 3, 7))]
    path = write(tmp_path, [*annotations, thing(9, 4, 3), thing(9, 0, 7)], images)
    found = read_as("classify", path)
    assert [one.label for one in found.samples] == ["shoe", "shoe", "bag", "bag"]
    assert codes(found) == ["many_labels", "no_label", "empty_class"]
    assert "it has the labels bag, shoe; a classifier learns one a photo" in found.problems[0].sentence


@pytest.mark.parametrize(
    ("bad", "code", "sentence"),
    [
        (thing(5, 99, 7), "unknown_image", "its image_id 99 is that of no image"),
        (thing(5, None, 7), "bad_id", "its image_id is None, neither number nor text"),
        (thing(5, [1], 7), "bad_id", "its image_id is [1], neither number nor text"),
        (thing(5, 2, 8), "unknown_category", "its category_id 8 is that of no category"),
        (thing(5, 2, {}), "unknown_category", "its category_id {} is that of no category"),
        (thing(5, 2, 7, None), "bad_box", "its bbox None is not four numbers"),
        (thing(5, 2, 7, [1, 2, 3]), "bad_box", "its bbox [1, 2, 3] is not four numbers"),
        (thing(5, 2, 7, ["a", 2, 3, 4]), "bad_box", "is not four numbers"),
        (thing(5, 2, 7, [1, 2, 3, float("nan")]), "bad_box", "is not four numbers"),
        (thing(5, 2, 7, [1, 2, 3, 10**400]), "bad_box", "is not four numbers"),
        (thing(5, 2, 7, 5), "bad_box", "its bbox 5 is not four numbers"),
        (thing(5, 2, 7, [1, 2, 0, 4]), "empty_box", "its box 1, 2, 1, 6 has no area"),
        (thing(5, 2, 7, [1, 2, -3, -4]), "empty_box", "has no area"),
        (thing(5, 2, 7, [50, 2, 3, 4]), "box_outside", "its box 50, 2, 53, 6 lies outside the photo of 40 x 30"),
        (thing(5, 2, 7, segmentation=[[1, 2, 3, 4]]), "bad_outline", "no list of polygons of three points or more"),
        (thing(5, 2, 7, segmentation=[[1, 2, 3, 4, 5, 6, 7]]), "bad_outline", "no list of polygons"),
        (thing(5, 2, 7, segmentation=[[1, 2, 3, 4, 5, "x"]]), "bad_outline", "no list of polygons"),
        (thing(5, 2, 7, segmentation=[[1, 2, 3, 4, 5, 1e9]]), "bad_outline", "near the photo of 40 x 30"),
        (thing(5, 2, 7, segmentation=[[1, 2, 3, 4, 5, float("nan")]]), "bad_outline", "no list of polygons"),
        (thing(5, 2, 7, segmentation="x"), "bad_outline", "no list of polygons"),
        (thing(5, 2, 7, segmentation={"size": [30, 40], "counts": [1, 2]}), "bad_outline", "do not add up to 30 x 40"),
        (thing(5, 2, 7, segmentation={"size": [30, 40], "counts": [-1, 1201]}), "bad_outline", "do not add up"),
        (thing(5, 2, 7, segmentation={"size": [30, 40]}), "bad_outline", "do not add up"),
        (thing(5, 2, 7, segmentation={"size": [9, 9], "counts": [81]}), "wrong_size", "its outline is for [9, 9]"),
    ],
)  # fmt: skip
def test_a_bad_annotation_is_a_problem_with_its_id(
    tmp_path: Path, bad: Any, code: str, sentence: str
) -> None:
    path = write(tmp_path, [thing(1, 1, 7), thing(2, 2, 3), bad])
    found = read_as("detect", path)
    assert [(one.code, one.origin) for one in found.problems[:1]] == [(code, f"{path}: annotation 5")]
    assert sentence in found.problems[0].sentence
    assert len(found.samples) == 3


@pytest.mark.parametrize(
    ("bad", "code", "sentence"),
    [
        (image(4, "nowhere.png"), "missing_file", "there is no photo 'nowhere.png' below"),
        (image(4, "../x.png"), "outside_folder", "the photo '../x.png' does not lie below"),
        (image(4, ""), "no_photo", "it has no file_name"),
        (image(4, 5), "no_photo", "it has no file_name"),
        (image([], "b.png"), "bad_id", "its id is [], neither number nor text"),
        (image(1, "b.png"), "repeated_photo", "b.png, or its id 1, is listed before; list it once"),
        (image(4, "a.png"), "repeated_photo", "a.png, or its id 4, is listed before; list it once"),
    ],
)
def test_a_bad_image_is_a_problem_with_its_name(tmp_path: Path, bad: Any, code: str, sentence: str) -> None:
    path = write(tmp_path, [thing(1, 1, 7), thing(2, 4, 7)], [image(1, "a.png"), bad])
    found = read_as("detect", path)
    assert found.problems[0].code == code
    assert found.problems[0].origin.startswith(f"{path}: image ")
    assert sentence in found.problems[0].sentence
    assert [Path(one.photo.name).name for one in found.samples] == ["a.png"]


def test_photos_none_of_whose_objects_count_do_not_seem_empty(tmp_path: Path) -> None:
    path = write(tmp_path, [thing(1, 1, 7), thing(2, 2, 7, [1, 1, 0, 0]), thing(3, 3, 7, iscrowd=1)])
    found = read_as("detect", path)
    assert codes(found) == ["empty_box", "no_usable_box", "only_crowds", "empty_class", "empty_class"]
    assert len(found.samples) == 1


def test_masks_need_sizes_and_outlines(tmp_path: Path) -> None:
    images = [image(1, "a.png"), {"id": 2, "file_name": "b.png"}, image(3, "c.png")]
    annotations = [thing(1, 1, 7, segmentation=SQUARE), thing(2, 2, 7, segmentation=SQUARE), thing(3, 3, 7)]
    found = read_as("segment", write(tmp_path, annotations, images))
    assert codes(found)[:1] == ["no_outline"]
    assert {"no_size", "no_usable_box"} < {*codes(found)}
    assert len(found.samples) == 1


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('{"images": [],\n "annotations": ]}', "is no JSON: Expecting value at line 2, column 17; export it again"),
        ("", "is no JSON: Expecting value at line 1, column 1"),
        ("[" * 100_000, "is no JSON:"),
        (b"\xff\xfe\x00", "is no JSON:"),
        ("[]", "is no COCO file; it must be an object with the lists images, annotations and categories"),
        ('{"images": [], "annotations": []}', "is no COCO file"),
        ('{"images": [1], "annotations": [], "categories": []}', "is no COCO file"),
        ('{"images": [], "annotations": [], "categories": [{"id": 1}]}', "has a category without id and name: {'id'"),
        (
            '{"images": [], "annotations": [], "categories": [{"id": 1, "name": "a"}, {"id": 1, "name": "b"}]}',
            "has the category id 1 twice; give each its own",
        ),
        (
            '{"images": [], "annotations": [], "categories": [{"id": 1, "name": "a"}, {"id": 2, "name": "a"}]}',
            "has the label 'a' twice; give each its own name",
        ),
        ('{"images": [], "annotations": [], "categories": []}', "has no photo that can be used"),
    ],
)  # fmt: skip
def test_files_that_cannot_be_used(tmp_path: Path, text: str | bytes, sentence: str) -> None:
    path = tmp_path / "coco.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(DataError) as caught:
        read_as("detect", path)
    assert str(caught.value).startswith(str(path))
    assert sentence in str(caught.value)


def test_damaged_run_lengths_are_told_when_they_are_drawn(tmp_path: Path) -> None:
    segmentation = {"size": [30, 40], "counts": "zzzzzz"}
    found = read_as("segment", write(tmp_path, [thing(1, 1, 7, segmentation=segmentation)]))
    assert found.samples[0].mask is not None
    with pytest.raises(DataError, match="the run lengths of an outline are damaged"):
        found.samples[0].mask.load()
