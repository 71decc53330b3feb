"""Which reader serves which source, what all of them refuse, and the folder of class folders."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.errors import DataError
from models.training.readers import read
from models.training.recipe import Data
from tests.models.training.labelled import codes, read_as, write_photo, write_photos


def classes(folder: Path, **counts: int) -> Path:
    for label, count in counts.items():
        (folder / label).mkdir(parents=True, exist_ok=True)
        write_photos(folder / label, *(f"{letter}.png" for letter in "abcdefgh"[:count]))
    return folder


def test_folders_of_labels(tmp_path: Path) -> None:
    found = read_as("classify", classes(tmp_path, shoe=3, bag=2))
    assert found.labels == ("bag", "shoe")
    assert [sample.label for sample in found.samples] == ["bag", "bag", "shoe", "shoe", "shoe"]
    first = found.samples[0]
    assert (first.product, first.origin, first.split) == ("bag/a", str(tmp_path / "bag" / "a.png"), None)
    assert first.photo.load().pixels.shape == (30, 40, 3)
    assert not found.problems


def test_relative_paths_start_at_base(tmp_path: Path) -> None:
    classes(tmp_path / "photos", shoe=2, bag=2)
    assert len(read(Data(source="photos"), "classify", tmp_path).samples) == 4


def test_views_and_folders_of_products(tmp_path: Path) -> None:
    write_photos(tmp_path / "shoe", "a_1.png", "a_2.png", "b.png", "4711/front.png", "4711/x/back.png")
    write_photos(tmp_path / "bag", "a.png", "b.png")
    found = read_as("classify", tmp_path)
    assert [sample.product for sample in found.samples if sample.label == "shoe"] == [
        *("shoe/a", "shoe/a", "shoe/b", "shoe/4711", "shoe/4711/x")
    ]


def test_own_splits(tmp_path: Path) -> None:
    for split in ("train", "valid", "Test"):
        classes(tmp_path / split, shoe=2, bag=2)
    found = read_as("classify", tmp_path)
    assert found.labels == ("bag", "shoe")
    assert {sample.split for sample in found.samples} == {"train", "val", "test"}
    # Splits are often numbered anew: equal names say nothing.
    assert len({sample.product for sample in found.samples}) == 12


def test_labels_may_be_called_like_splits(tmp_path: Path) -> None:
    assert read_as("classify", classes(tmp_path, train=2, test=2)).labels == ("test", "train")


def test_what_is_no_photo_is_passed_over_or_found_when_looked_at(tmp_path: Path) -> None:
    classes(tmp_path, shoe=2, bag=2)
    for name in ("notes.txt", "data.json", "list.csv", ".hidden.png", "Thumbs.db"):
        (tmp_path / "shoe" / name).write_bytes(b"no photo")
    (tmp_path / "shoe" / "c.psd").write_bytes(b"8BPS")
    write_photo(tmp_path / ".cache" / "a.png")
    write_photo(tmp_path / "loose.png")
    found = read_as("classify", tmp_path)
    assert [Path(sample.photo.name).name for sample in found.samples] == [
        "a.png",
        "b.png",
        "a.png",
        "b.png",
        "c.psd",
    ]
    assert codes(found) == ["no_label"]
    assert (
        found.problems[0].sentence
        == f"{tmp_path / 'loose.png'} lies in no folder of a label; move it into one"
    )


def test_labels_without_photos_or_with_one(tmp_path: Path) -> None:
    found = read_as("classify", classes(tmp_path, shoe=2, bag=2, hat=0, belt=1))
    assert found.labels == ("bag", "shoe")
    assert codes(found) == ["empty_class", "single_photo"]
    assert "is the only photo of 'belt'" in found.problems[1].sentence
    assert len(found.samples) == 4


@pytest.mark.parametrize(
    ("folders", "sentence"),
    [
        ({}, "has no folders; put the photos of each label into a folder of its name"),
        (
            {"shoe": 2, "Shoe": 2},
            "has the labels 'Shoe' and 'shoe', which differ only by case or surrounding blanks",
        ),
        ({"shoe": 2, "shoe ": 2}, "has the labels 'shoe' and 'shoe ', which differ only by case"),
        ({"caf\u00e9": 2, "cafe\u0301": 2}, "which differ only by case or surrounding blanks; make them one"),
        ({" ": 2, "shoe": 2}, "has the label ' ' of 1 characters; give it a name of 1 to 200"),
        ({"shoe": 3}, "has photos of one label only, 'shoe'; a classifier needs two labels or more"),
        (
            {"shoe": 3, "bag": 1},
            "has photos of one label only, 'shoe'; a classifier needs two labels or more",
        ),
        ({"shoe": 0, "bag": 0}, "has no photo that can be used; 2 were left out, the first:"),
        ({"shoe": 1, "bag": 1}, "has no photo that can be used; 2 were left out, the first:"),
    ],
)
def test_folders_that_cannot_be_learned(tmp_path: Path, folders: dict[str, int], sentence: str) -> None:
    with pytest.raises(DataError) as caught:
        read_as("classify", classes(tmp_path, **folders))
    assert str(tmp_path) in str(caught.value)
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("task", "name", "sentence"),
    [
        ("classify", "", "the recipe names no data; set data.source to a folder of a folder for each label"),
        ("classify", "nowhere", "there is nothing at {folder}/nowhere; set data.source to a folder"),
        (
            "classify",
            "photos.zip",
            "{folder}/photos.zip is no form of data that is known; set data.source to",
        ),
        ("detect", "classes", "{folder}/classes holds no boxes and no masks for detect; set data.source to"),
        ("segment", "labels.csv", "{folder}/labels.csv is a table, which holds no masks; use COCO, VOC"),
        ("classify", "voc", "{folder}/voc is a VOC folder, whose photos may have many labels; train detect"),
        (
            "classify",
            "pairs",
            "{folder}/pairs holds masks, for segment and detect; to classify, make a folder",
        ),
        (
            "segment",
            "voc",
            "{folder}/voc has no folder SegmentationClass, which masks belong in; train detect",
        ),
        ("classify", "torchvision:Nothing", "torchvision has no data set 'Nothing'; write it as in"),
        ("classify", "torchvision:VisionDataset", "torchvision has no data set 'VisionDataset'"),
        (
            "detect",
            "torchvision:CocoDetection",
            "reads files of your own; set data.source to its annotation file",
        ),
        (
            "classify",
            "torchvision:ImageFolder",
            "reads files of your own; set data.source to the folder itself",
        ),
        (
            "detect",
            "torchvision:CIFAR10",
            "torchvision:CIFAR10 is for classify, not for detect; sets for detect: VOC",
        ),
        ("classify", "torchvision:VOCDetection", "torchvision:VOCDetection is for detect, not for classify"),
        (
            "classify",
            "torchvision:MNIST?download=1",
            "has 'download=1' behind the question mark, where only root=",
        ),
        (
            "classify",
            "torchvision:Kinetics",
            "torchvision:Kinetics has splits of its own kind; save its photos",
        ),
    ],
)
def test_sources_that_are_refused(tmp_path: Path, task: str, name: str, sentence: str) -> None:
    classes(tmp_path / "classes", shoe=2, bag=2)
    write_photos(tmp_path, "voc/JPEGImages/a.png", "voc/Annotations/a.png")
    write_photos(tmp_path, "pairs/images/a.png", "pairs/masks/a.png")
    (tmp_path / "photos.zip").write_bytes(b"PK")
    (tmp_path / "labels.csv").write_text("image,label\n")
    with pytest.raises(DataError) as caught:
        read(Data(source=name), task, tmp_path)  # type: ignore[arg-type]
    assert sentence.format(folder=tmp_path) in str(caught.value)


def test_photos_must_be_a_folder(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("image,label\n")
    with pytest.raises(DataError, match=r"there is no folder .*/nowhere, which data\.photos names"):
        read_as("classify", tmp_path / "labels.csv", photos=str(tmp_path / "nowhere"))
