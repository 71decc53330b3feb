"""torchvision's data sets, from small folders laid out as torchvision lays out its own."""

from __future__ import annotations

import gzip
import struct
import sys
from pathlib import Path
from typing import Any
from urllib.error import URLError

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from torchvision import datasets

from models.errors import DataError
from models.starter.data import LABELS
from models.starter.sample import load_sample
from models.training.looking import look
from models.training.readers import zoo_samples
from models.training.readers.zoo_open import Part
from models.training.samples import IGNORED, PhotoFile, PhotoItem, PhotoPixels
from tests.models.training.labelled import read_as, write_photo

FILES = {
    "train-images-idx3-ubyte": slice(0, 150),
    "train-labels-idx1-ubyte": slice(0, 150),
    "t10k-images-idx3-ubyte": slice(150, 200),
    "t10k-labels-idx1-ubyte": slice(150, 200),
}


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise URLError("there is no network")

    monkeypatch.setattr("urllib.request.urlopen", refuse)
    monkeypatch.setattr("models.starter.data.DEBIAN_FOLDER", tmp_path / "nowhere")
    for name in ("TAGMILL_FASHION_MNIST", "TAGMILL_DATA"):
        monkeypatch.delenv(name, raising=False)


def idx(array: npt.NDArray[Any]) -> bytes:
    return b"\0\0\x08" + bytes([array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def write_idx(folder: Path, *, packed: bool) -> Path:
    folder.mkdir(parents=True)
    sample = load_sample()
    for name, part in FILES.items():
        data = idx(sample.photos[part] if "images" in name else sample.labels[part].astype(np.uint8))
        (folder / (f"{name}.gz" if packed else name)).write_bytes(gzip.compress(data) if packed else data)
    return folder


def test_fashion_mnist_from_its_four_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_idx(tmp_path / "plain", packed=True)
    monkeypatch.setenv("TAGMILL_DATA", str(tmp_path / "plain"))
    found = read_as("classify", "torchvision:FashionMNIST")
    assert found.labels == LABELS
    assert [sum(one.split == split for one in found.samples) for split in (None, "test")] == [150, 50]
    first = found.samples[0]
    assert (first.product, first.photo.name) == ("torchvision:FashionMNIST train 0",) * 2
    sample = load_sample()
    assert first.label == LABELS[sample.labels[0]]
    assert (first.photo.load().pixels[:, :, 1] == sample.photos[0]).all()


@pytest.mark.parametrize("name", ["MNIST", "FashionMNIST", "KMNIST"])
def test_sets_in_memory_are_not_copied(tmp_path: Path, name: str) -> None:
    write_idx(tmp_path / name / "raw", packed=False)
    found = read_as("classify", f"torchvision:{name}?root={tmp_path}")
    assert [sum(one.split == split for one in found.samples) for split in (None, "test")] == [150, 50]
    assert len(found.labels) == 10
    photos = [one.photo for one in found.samples if isinstance(one.photo, PhotoPixels)]
    assert len(photos) == 200
    assert photos[0].pixels.base is not None
    assert photos[0].pixels.base is photos[1].pixels.base


def test_sets_in_files_are_opened_later(tmp_path: Path) -> None:
    folder = tmp_path / "dtd" / "dtd"
    (folder / "labels").mkdir(parents=True)
    for number, split in enumerate(("train", "val", "test")):
        names = [f"{label}/{label}_{number}{k}.jpg" for label in ("banded", "woven") for k in range(2)]
        for k, name in enumerate(names):
            write_photo(folder / "images" / name, 10 * number + k)
        (folder / "labels" / f"{split}1.txt").write_text("\n".join(names) + "\n")
    found = read_as("classify", f"torchvision:DTD?root={tmp_path}")
    assert found.labels == ("banded", "woven")
    assert [one.split for one in found.samples] == [None] * 4 + ["val"] * 4 + ["test"] * 4
    assert all(isinstance(one.photo, PhotoFile) for one in found.samples)
    assert len(look(found).samples) == 12


def test_sets_without_splits_are_left_to_the_draw(tmp_path: Path) -> None:
    folder = tmp_path / "eurosat" / "2750"
    for k, name in enumerate(("Forest/a.jpg", "Forest/b.jpg", "River/a.jpg", "River/b.jpg")):
        write_photo(folder / name, k)
    found = read_as("classify", f"torchvision:EuroSAT?root={tmp_path}")
    assert found.labels == ("Forest", "River")
    assert [one.split for one in found.samples] == [None] * 4
    assert isinstance(found.samples[0].photo, PhotoFile)


def test_other_sets_give_their_photos_item_by_item() -> None:
    items = datasets.FakeData(6, (3, 12, 10), 2, random_offset=3)
    found = zoo_samples.labelled("fake", [Part("fake", "all", None, [(i[0], int(i[1])) for i in items])])
    assert isinstance(found.samples[0].photo, PhotoItem)
    assert len(look(found).samples) == 6
    assert found.labels in (("0", "1"), ("0",), ("1",))


class Items:
    """A set of two photos that has `targets`, and perhaps more."""

    def __init__(self, targets: list[Any], **more: Any) -> None:
        self.targets = targets
        vars(self).update(more)

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> Any:
        raise SyntaxError("broken  PNG")


def test_a_photo_of_a_set_that_cannot_be_read_is_a_problem() -> None:
    found = zoo_samples.labelled("odd", [Part("odd", "all", None, Items([0, 1]))])
    looked = look(found)
    assert [(one.code, one.origin) for one in looked.problems] == [
        *(("unreadable", "odd all 0"), ("unreadable", "odd all 1"))
    ]
    assert looked.problems[0].sentence == "the photo cannot be read: broken PNG"


@pytest.mark.parametrize(
    "targets", [[-1, 0], [[1, 0], [0, 1]], [[1], [0, 1]], [0.5, 1.0], [{"a": 1}, {}], [0]]
)
def test_sets_without_a_label_a_photo_are_refused(targets: list[Any]) -> None:
    with pytest.raises(DataError, match="torchvision:Odd has no label for each whole photo"):
        zoo_samples.labelled("odd", [Part("torchvision:Odd", "all", None, Items(targets))])


def test_channels_first_become_last_and_many_names_one() -> None:
    data = np.arange(2 * 3 * 8 * 8, dtype=np.uint8).reshape(2, 3, 8, 8)
    items = Items([0, 1], data=data, classes=[("tench", "Tinca tinca"), ("crane",)])
    found = zoo_samples.labelled("odd", [Part("odd", "all", None, items)])
    assert found.labels == ("tench, Tinca tinca", "crane")
    assert (found.samples[1].photo.load().pixels[3, 4] == data[1, :, 3, 4]).all()


def pets(root: Path) -> None:
    folder = root / "oxford-iiit-pet"
    (folder / "annotations" / "trimaps").mkdir(parents=True)
    trimap = np.repeat(np.array([1, 2, 3], np.uint8), 10)[:, None].repeat(40, axis=1)
    for split, start in (("trainval", 0), ("test", 10)):
        lines = []
        for k in range(start, start + 4):
            name = f"{('Birman', 'pug')[k % 2]}_{k}"
            write_photo(folder / "images" / f"{name}.jpg", k)
            Image.fromarray(trimap).save(folder / "annotations" / "trimaps" / f"{name}.png")
            lines.append(f"{name} {k % 2 + 1} 1 1")
        (folder / "annotations" / f"{split}.txt").write_text("\n".join(lines) + "\n")


def test_pets_have_breeds_and_masks(tmp_path: Path) -> None:
    pets(tmp_path)
    source = f"torchvision:OxfordIIITPet?root={tmp_path}"
    assert read_as("classify", source).labels == ("Birman", "Pug")
    found = read_as("segment", source)
    assert found.labels == ("pet",)
    assert [one.split for one in found.samples] == [None] * 4 + ["test"] * 4
    assert found.samples[0].mask is not None
    assert found.samples[0].mask.load()[::10, 0].tolist() == [1, 0, IGNORED]
    assert len(look(found).samples) == 8


def test_voc_is_read_from_where_torchvision_puts_it(tmp_path: Path) -> None:
    folder = tmp_path / "VOCdevkit" / "VOC2012"
    box = "<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox>"
    (folder / "Annotations").mkdir(parents=True)
    for name in ("2007_000001", "2007_000002"):
        write_photo(folder / "JPEGImages" / f"{name}.jpg")
        (folder / "Annotations" / f"{name}.xml").write_text(f"<a><object><name>cat</name>{box}</object></a>")
    found = read_as("detect", f"torchvision:VOCDetection?root={tmp_path}")
    assert (found.labels, len(found.samples)) == (("cat",), 2)


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("torchvision:CIFAR10", "torchvision:CIFAR10 is not in {folder} and cannot be downloaded (<urlopen error"),
        ("torchvision:FashionMNIST", "torchvision:FashionMNIST is not in {folder} and cannot be downloaded ("),
        ("torchvision:Food101", "put its files there as torchvision lays them out, or name another folder: "
         "torchvision:Food101?root=FOLDER"),
        ("torchvision:STL10?root={folder}/a b", "torchvision:STL10 is not in {folder}/a b and cannot be"),
    ],
)  # fmt: skip
def test_without_a_network_the_folder_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, sentence: str
) -> None:
    monkeypatch.setenv("TAGMILL_DATA", str(tmp_path))
    with pytest.raises(DataError) as caught:
        read_as("classify", source.format(folder=tmp_path))
    assert sentence.format(folder=tmp_path) in str(caught.value)


def test_damaged_files_are_told(tmp_path: Path) -> None:
    write_idx(tmp_path / "MNIST" / "raw", packed=False)
    (tmp_path / "MNIST" / "raw" / "train-images-idx3-ubyte").write_bytes(b"no IDX")
    with pytest.raises(DataError, match="torchvision:MNIST is not in"):
        read_as("classify", f"torchvision:MNIST?root={tmp_path}")


def test_a_missing_module_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy.io", None)
    monkeypatch.setattr(datasets.SVHN, "_check_integrity", lambda _: True)
    with pytest.raises(DataError, match="torchvision:SVHN needs scipy: `pip install scipy`"):
        read_as("classify", f"torchvision:SVHN?root={tmp_path}")
