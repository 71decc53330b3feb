"""From torchvision's data sets to samples. Photos in memory are not copied, and files are not opened."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from models.errors import DataError
from models.training.readers.sources import MaskFile
from models.training.readers.zoo_open import Part
from models.training.samples import (
    IGNORED,
    LabelledPhotos,
    PhotoFile,
    PhotoItem,
    PhotoPixels,
    PhotoSource,
    Sample,
)

_LABELS = ("targets", "labels", "_labels", "y")
_FILES = ("_image_files", "_images")
_PAIRS = ("_samples", "samples")
"""Where the sets keep labels, paths, and pairs of both: there is no common way, and items would be decoded for it."""

PET = "pet"
_TRIMAP = {1: 1, 2: 0}
"""Of Oxford's pets, the rest (3) is a border that is neither."""


def labelled(source: str, parts: Sequence[Part]) -> LabelledPhotos:
    """Photos with one label each. Raises DataError where the set has something else."""
    numbers = [_numbers(part) for part in parts]
    count = max((max(some, default=-1) for some in numbers), default=-1) + 1
    names = _names(parts[0].items, count)
    samples = [
        sample
        for part, some in zip(parts, numbers, strict=True)
        for sample in _samples(part, [names[number] for number in some])
    ]
    return LabelledPhotos(source, "classify", names, tuple(samples))


def pet_masks(source: str, parts: Sequence[Part]) -> LabelledPhotos:
    """Oxford's pets with their trimaps: one label, `PET`."""
    values = np.full(256, IGNORED, dtype=np.uint8)
    values[list(_TRIMAP)] = list(_TRIMAP.values())
    samples = tuple(
        Sample(
            PhotoFile(Path(photo)),
            part.name(index),
            part.name(index),
            mask=MaskFile(Path(mask), values),
            split=part.split,
        )
        for part in parts
        for index, (photo, mask) in enumerate(zip(part.items._images, part.items._segs, strict=True))
    )
    return LabelledPhotos(source, "segment", (PET,), samples)


def pixel_samples(part: Part, photos: npt.NDArray[np.uint8], labels: Sequence[str]) -> Iterator[Sample]:
    """Photos uint8 (n, h, w) or (n, h, w, 3) that are in memory."""
    for index, (pixels, label) in enumerate(zip(photos, labels, strict=True)):
        yield _sample(part, index, PhotoPixels(pixels, part.name(index)), label)


def _samples(part: Part, labels: Sequence[str]) -> Iterator[Sample]:
    pixels = _pixels(part.items)
    if pixels is not None:
        yield from pixel_samples(part, pixels, labels)
        return
    files = _files(part.items)
    for index, label in enumerate(labels):
        photo: PhotoSource = PhotoItem(part.items, index, part.name(index))
        yield _sample(part, index, PhotoFile(Path(files[index])) if files else photo, label)


def _sample(part: Part, index: int, photo: PhotoSource, label: str) -> Sample:
    name = part.name(index)
    return Sample(photo, name, name, label=label, split=part.split)


def _numbers(part: Part) -> list[int]:
    """The label of each photo, from 0."""
    found = next((getattr(part.items, name) for name in _LABELS if hasattr(part.items, name)), None)
    if found is None:
        pairs = _pairs(part.items)
        found = [pair[1] for pair in (part.items if pairs is None else pairs)]
    try:
        numbers = np.asarray(found)
    except (ValueError, TypeError, RuntimeError):  # rows of different kinds or lengths
        numbers = np.empty(0)
    if numbers.shape != (len(part.items),) or numbers.dtype.kind not in "iu" or (numbers < 0).any():
        raise DataError(f"{part.source} has no label for each whole photo; name a set that has")
    return [int(number) for number in numbers]


def _names(items: Any, count: int) -> tuple[str, ...]:
    names = getattr(items, "classes", None) or getattr(items, "categories", None) or ()
    if len(names) < count:
        return tuple(map(str, range(count)))
    return tuple(name if isinstance(name, str) else ", ".join(name) for name in names)


def _pixels(items: Any) -> npt.NDArray[np.uint8] | None:
    data = getattr(items, "data", None)
    if data is None or not hasattr(data, "shape"):
        return None
    pixels = np.asarray(data)
    if pixels.dtype != np.uint8 or pixels.ndim not in (3, 4):
        return None
    if pixels.ndim == 4 and pixels.shape[1] == 3 and pixels.shape[3] != 3:
        pixels = pixels.transpose(0, 2, 3, 1)  # SVHN and STL10 keep channels first
    return pixels


def _files(items: Any) -> Sequence[str | Path] | None:
    for name in _FILES:
        found = getattr(items, name, None)
        if _is_paths(found):
            return found
    files = [pair[0] for pair in _pairs(items) or ()]
    return files if _is_paths(files) else None


def _pairs(items: Any) -> Sequence[Any] | None:
    return next((getattr(items, name) for name in _PAIRS if hasattr(items, name)), None)


def _is_paths(found: Any) -> bool:
    return bool(found) and isinstance(found[0], (str, Path))
