"""VOC folders: boxes, masks in numbers and in colours, lists, and XML that is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.errors import DataError
from models.predictions import Box
from models.training.looking import look
from models.training.readers.voc_labels import LABELS, colour
from models.training.samples import IGNORED, LabelledPhotos
from tests.models.training.labelled import codes, read_as, write_photo

BOX = "<bndbox><xmin>1</xmin><ymin>3</ymin><xmax>11</xmax><ymax>22</ymax></bndbox>"
SIZE = "<size><width>40</width><height>30</height><depth>3</depth></size>"


def thing(name: str = "shoe", box: str = BOX) -> str:
    return f"<object><name>{name}</name>{box}</object>"


def write(folder: Path, **photos: str) -> Path:
    """Photos, and their annotations with what is between the root's tags."""
    (folder / "Annotations").mkdir(parents=True, exist_ok=True)
    for seed, (name, text) in enumerate(photos.items()):
        write_photo(folder / "JPEGImages" / f"{name}.jpg", seed)
        (folder / "Annotations" / f"{name}.xml").write_text(f"<annotation>{text}</annotation>")
    return folder


def listed(folder: Path, kind: str, **lists: str) -> None:
    place = folder / "ImageSets" / kind
    place.mkdir(parents=True)
    for name, text in lists.items():
        (place / f"{name}.txt").write_text(text.replace(" ", "\n") + "\n")


def test_boxes_count_from_one_and_hold_their_last_pixel(tmp_path: Path) -> None:
    part = f"<part><name>heel</name>{BOX}</part>"
    hard = f"<object><name> bag </name><difficult>1</difficult>{part}{BOX}</object>"
    found = read_as("detect", write(tmp_path, a=SIZE + thing() + hard, b=""))
    assert found.labels == ("bag", "shoe")
    first, empty = found.samples
    assert [(one.label, one.box) for one in first.instances or ()] == [
        *(("shoe", Box(0, 2, 11, 22)), ("bag", Box(0, 2, 11, 22)))
    ]
    assert (first.size, first.split, first.origin) == (
        (40, 30),
        None,
        str(tmp_path / "Annotations" / "a.xml"),
    )
    assert (empty.instances, empty.size) == ((), None)


def test_lists_decide_what_counts_and_where(tmp_path: Path) -> None:
    write(tmp_path, **dict.fromkeys("abcdefg", thing()))
    listed(tmp_path, "Main", train="a b h", val="c", test="d", trainval="a b c e", shoe_train="g")
    found = read_as("detect", tmp_path)
    assert {Path(one.photo.name).stem: one.split for one in found.samples} == {
        **{"a": "train", "b": "train", "c": "val", "d": "test", "e": None}
    }
    assert [(one.code, one.sentence[:50]) for one in found.problems] == [
        ("not_listed", "2 photos are in no list there, such as f; add them"),
        ("no_photo", f"there is no photo h in {tmp_path / 'JPEGImages'}"[:50]),
    ]


@pytest.mark.parametrize(
    ("text", "code", "sentence"),
    [
        ("<object>", "malformed_xml", "it is no XML: mismatched tag: line 1, column"),
        (thing(""), "no_usable_box", "none of its boxes can be used; the first: it has no name"),
        (thing("shoe", ""), "no_usable_box", "the bndbox of its shoe is not four numbers"),
        (thing("shoe", BOX.replace("11", "x")), "no_usable_box", "is not four numbers"),
        (thing("shoe", BOX.replace("11", "inf")), "no_usable_box", "is not four numbers"),
        (
            thing("shoe", BOX.replace("11", "0")),
            "no_usable_box",
            "the box 0, 2, 0, 22 of its shoe has no area",
        ),
    ],
)
def test_a_bad_file_is_a_problem_with_its_name(tmp_path: Path, text: str, code: str, sentence: str) -> None:
    found = read_as("detect", write(tmp_path, a=thing(), b=text))
    assert [(one.code, one.origin) for one in found.problems] == [
        (code, str(tmp_path / "Annotations" / "b.xml"))
    ]
    assert sentence in found.problems[0].sentence
    assert len(found.samples) == 1


def test_one_bad_object_beside_good_ones(tmp_path: Path) -> None:
    found = read_as("detect", write(tmp_path, a=thing() + thing("") + thing("bag")))
    assert [(one.code, one.origin[-11:]) for one in found.problems] == [("no_label", "l: object 2")]
    assert len(found.samples[0].instances or ()) == 2


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_billion_laughs_are_refused(tmp_path: Path, encoding: str) -> None:
    write(tmp_path, a=thing(), b="")
    laughs = "".join(f'<!ENTITY l{k} "{f"&l{k - 1};" * 10}">' for k in range(1, 12))
    text = f'<!DOCTYPE annotation [<!ENTITY l0 "ha">{laughs}]><annotation>&l11;</annotation>'
    (tmp_path / "Annotations" / "b.xml").write_bytes(text.encode(encoding))
    found = read_as("detect", tmp_path)
    assert codes(found) == ["xml_with_dtd"]
    assert "it declares a DOCTYPE, which annotations have no use for" in found.problems[0].sentence


def test_photos_and_annotations_alone(tmp_path: Path) -> None:
    write(tmp_path, a=thing(), b=thing())
    (tmp_path / "JPEGImages" / "b.jpg").unlink()
    write_photo(tmp_path / "JPEGImages" / "c.jpg")
    write_photo(tmp_path / "JPEGImages" / "a.png")
    assert sorted(codes(read_as("detect", tmp_path))) == ["no_annotation", "no_photo", "same_name"]


def masks(folder: Path, **values: Image.Image) -> Path:
    (folder / "SegmentationClass").mkdir(parents=True)
    for seed, (name, mask) in enumerate(values.items()):
        write_photo(folder / "JPEGImages" / f"{name}.jpg", seed, mask.size)
        mask.save(folder / "SegmentationClass" / f"{name}.png")
    return folder


def seen(found: LabelledPhotos) -> list[list[int]]:
    return [np.unique(one.mask.load()).tolist() for one in found.samples if one.mask]


def test_masks_in_numbers_and_in_colours(tmp_path: Path) -> None:
    numbers = np.zeros((30, 40), np.uint8)
    numbers[:5], numbers[5:10], numbers[10] = 1, 20, IGNORED
    palette = [part for k in range(256) for part in colour(k).to_bytes(3, "big")]
    palette[-3:] = [0xE0, 0xE0, 0xC0]
    indexed = Image.fromarray(numbers)
    indexed.putpalette(palette)
    found = read_as("segment", masks(tmp_path, a=indexed, b=indexed.convert("RGB")))
    assert found.labels == LABELS
    assert [one.mask.load().tolist() for one in found.samples if one.mask] == [numbers.tolist()] * 2


def test_colours_of_voc() -> None:
    assert [colour(k) for k in (0, 1, 2, 15, 20)] == [0, 0x800000, 0x008000, 0xC08080, 0x004080]


def test_a_map_of_labels(tmp_path: Path) -> None:
    pixels = np.zeros((30, 40, 3), np.uint8)
    pixels[:5], pixels[5:9] = (250, 50, 83), (0, 128, 0)
    masks(tmp_path, a=Image.fromarray(pixels))
    (tmp_path / "labelmap.txt").write_text("# label:color\nbackground:0,0,0::\nshoe:250,50,83::\nbag:::\n")
    found = read_as("segment", tmp_path)
    assert found.labels == ("shoe", "bag")
    assert seen(found) == [[0, 1, 2]]


def test_a_map_with_a_bad_colour(tmp_path: Path) -> None:
    masks(tmp_path, a=Image.new("L", (40, 30)))
    (tmp_path / "labelmap.txt").write_text("shoe:red::\n")
    with pytest.raises(DataError, match=r"labelmap\.txt, line 1: 'red' is no colour such as 128,0,0"):
        read_as("segment", tmp_path)


def test_masks_that_cannot_be_used(tmp_path: Path) -> None:
    strange = Image.new("RGB", (40, 30), (1, 2, 3))
    folder = masks(tmp_path, a=Image.new("L", (40, 30), 1), b=strange, c=Image.new("L", (40, 30), 21))
    write_photo(folder / "JPEGImages" / "a.jpg", 0, (41, 30))
    found = look(read_as("segment", folder))
    assert [one.code for one in found.problems] == ["wrong_mask_size", "bad_mask", "unknown_mask_value"]
    assert "b.png has the colour #010203, which stands for no label" in found.problems[1].sentence
    assert "has the number 21; the labels go up to 20" in found.problems[2].sentence


def test_lists_that_are_no_text(tmp_path: Path) -> None:
    write(tmp_path, a=thing())
    listed(tmp_path, "Main", train="a")
    (tmp_path / "ImageSets" / "Main" / "train.txt").write_bytes(b"\xff")
    with pytest.raises(DataError, match=r"the list .*train\.txt cannot be read"):
        read_as("detect", tmp_path)
