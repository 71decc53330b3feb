"""Fashion-MNIST from where it is: Debian's package, any folder with its four files, or torchvision's download.

The set (Xiao, Rasul, Vollgraf, arXiv 1708.07747; MIT licence, (c) 2017 Zalando SE) has 60,000 photos for training and
10,000 for testing, 28 x 28, one of ten product types each.
"""

from __future__ import annotations

import gzip
import os
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

Split = Literal["train", "test"]

LABELS = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
FOLDER_VARIABLE = "TAGMILL_FASHION_MNIST"
DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")
PREFIX: dict[Split, str] = {"train": "train", "test": "t10k"}


class ProductPhotos(NamedTuple):
    """Photos uint8 (n, 28, 28), bright product on black, and their labels int64 (n,), an index into `LABELS`."""

    photos: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]


def read_idx(path: Path) -> npt.NDArray[np.uint8]:
    """An array of bytes from a gzipped IDX file.

    Raises:
        ValueError: the file is not IDX, holds other than unsigned bytes, or is cut short.
    """
    with gzip.open(path, "rb") as stream:
        data = stream.read()
    if len(data) < 4 or data[:3] != b"\x00\x00\x08":
        raise ValueError(f"{path} is not an IDX file of unsigned bytes")
    dimensions = data[3]
    shape = tuple(int(size) for size in np.frombuffer(data, ">u4", dimensions, 4))
    values = np.frombuffer(data, np.uint8, offset=4 + 4 * dimensions)
    if values.size != int(np.prod(shape)):
        raise ValueError(f"{path} holds {values.size} bytes, its header promises {shape}")
    return values.reshape(shape)


def has_files(folder: Path, split: Split) -> bool:
    """Whether `folder` has the photos and labels of this split."""
    return all((folder / name).is_file() for name in _file_names(split))


def load_folder(folder: Path, split: Split) -> ProductPhotos:
    """The split from a folder with Fashion-MNIST's own gzipped IDX files.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: a file is damaged, or photos and labels differ in number.
    """
    photos, labels = (read_idx(folder / name) for name in _file_names(split))
    if photos.ndim != 3 or len(photos) != len(labels):
        raise ValueError(f"{folder}: {len(photos)} photos but {len(labels)} labels")
    return ProductPhotos(photos, labels.astype(np.int64))


def load_fashion_mnist(
    split: Split, folder: Path | None = None, download_to: Path | None = None
) -> ProductPhotos:
    """The split from `folder`, else from $TAGMILL_FASHION_MNIST, else from Debian's folder, else downloaded.

    `download_to` is where torchvision keeps its copy; default: the user's cache folder.

    Raises:
        FileNotFoundError: `folder` or $TAGMILL_FASHION_MNIST was given and lacks the files.
    """
    named = folder or (Path(os.environ[FOLDER_VARIABLE]) if os.environ.get(FOLDER_VARIABLE) else None)
    if named is not None:
        return load_folder(named, split)
    if has_files(DEBIAN_FOLDER, split):
        return load_folder(DEBIAN_FOLDER, split)
    return _download(split, download_to or Path.home() / ".cache" / "tagmill")


def _file_names(split: Split) -> tuple[str, str]:
    return f"{PREFIX[split]}-images-idx3-ubyte.gz", f"{PREFIX[split]}-labels-idx1-ubyte.gz"


def _download(split: Split, root: Path) -> ProductPhotos:
    # Imported here so that reading a folder needs neither torch nor a network.
    from torchvision.datasets import FashionMNIST

    dataset = FashionMNIST(str(root), train=split == "train", download=True)
    return ProductPhotos(dataset.data.numpy(), dataset.targets.numpy().astype(np.int64))
