"""PASCAL VOC's folders (http://host.robots.ox.ac.uk/pascal/VOC/): boxes as XML, masks as PNG, splits as lists.

Objects marked `difficult` are objects like others here: a person would find them. So figures come out a little lower
than by VOC's own rules, which pass them over.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from models.errors import DataError
from models.training.left_out import LeftOut
from models.training.readers.files import by_stem
from models.training.readers.products import by_name
from models.training.readers.sources import MaskFile
from models.training.readers.voc_labels import mask_labels
from models.training.readers.voc_lists import read_lists, unlisted
from models.training.readers.voc_objects import read_annotation
from models.training.samples import LabelledPhotos, PhotoFile, Problem, Sample, Split, TrainableTask

PHOTOS, BOXES, MASKS, LISTS = "JPEGImages", "Annotations", "SegmentationClass", "ImageSets"


@dataclass(frozen=True, slots=True)
class _Entry:
    photo: Path
    annotation: Path
    product: str
    split: Split | None


def read(folder: Path, task: TrainableTask) -> LabelledPhotos:
    """Labels of boxes in the order of their names, of masks in that of their numbers. Raises DataError."""
    if task == "classify":
        raise DataError(
            f"{folder} is a VOC folder, whose photos may have many labels; train detect or segment on it"
        )
    return _detect(folder) if task == "detect" else _segment(folder)


def _detect(folder: Path) -> LabelledPhotos:
    boxes = folder / BOXES
    files = {
        path.relative_to(boxes).with_suffix("").as_posix(): path for path in sorted(boxes.rglob("*.xml"))
    }
    entries, problems = _entries(folder, "Main", files)
    samples = []
    for entry in entries:
        origin = str(entry.annotation)
        try:
            found = read_annotation(entry.annotation)
        except LeftOut as why:
            problems.append(why.at(origin))
            continue
        problems += found.problems
        photo = PhotoFile(entry.photo)
        samples.append(
            Sample(photo, entry.product, origin, instances=found.objects, split=entry.split, size=found.size)
        )
    labels = sorted({one.label for sample in samples for one in sample.instances or ()})
    return LabelledPhotos(str(folder), "detect", tuple(labels), tuple(samples), tuple(problems))


def _segment(folder: Path) -> LabelledPhotos:
    if not (folder / MASKS).is_dir():
        raise DataError(f"{folder} has no folder {MASKS}, which masks belong in; train detect on its boxes")
    files, same = by_stem(folder / MASKS)
    entries, problems = _entries(folder, "Segmentation", files)
    meaning = mask_labels(folder)
    plain = np.arange(256, dtype=np.uint8)
    samples = tuple(
        Sample(
            PhotoFile(entry.photo),
            entry.product,
            str(entry.annotation),
            mask=MaskFile(entry.annotation, plain, meaning.colours),
            split=entry.split,
        )
        for entry in entries
    )
    return LabelledPhotos(str(folder), "segment", meaning.labels, samples, (*same, *problems))


def _entries(folder: Path, kind: str, files: Mapping[str, Path]) -> tuple[list[_Entry], list[Problem]]:
    """Photos that have an annotation among `files`, and are in a list of this kind, if there are lists."""
    photos, problems = by_stem(folder / PHOTOS)
    lists = read_lists(folder / LISTS / kind)
    if lists is None:
        lists = dict.fromkeys([*files, *photos])
    else:
        problems += unlisted(folder / LISTS / kind, [name for name in files if name not in lists])
    names = [name for name in lists if name in files and name in photos]
    problems += _alone(folder, [name for name in lists if name not in files or name not in photos], photos)
    products = by_name([PurePosixPath(f"{name}.jpg") for name in names])
    pairs = zip(names, products, strict=True)
    return [_Entry(photos[name], files[name], product, lists[name]) for name, product in pairs], problems


def _alone(folder: Path, names: list[str], photos: Mapping[str, Path]) -> list[Problem]:
    return [
        Problem(str(photos[name]), "no_annotation", f"{photos[name]} has no annotation of its name; add one")
        if name in photos
        else Problem(str(folder), "no_photo", f"there is no photo {name} in {folder / PHOTOS}")
        for name in names
    ]
