"""A folder with a folder for each label, as it stands or below `train`, `val` and `test`.

Photos in a folder further down show one product, which is named after that folder; for others see
`models.training.readers.products`. Where the splits are given, equal file names in two of them mean nothing, since
each split is often numbered anew; real copies are found by `models.training.duplicates`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePath

from models.errors import DataError
from models.training.readers.files import folders_in, photos_below, photos_in
from models.training.readers.products import by_name
from models.training.readers.split_names import SPLIT_NAMES
from models.training.samples import LabelledPhotos, PhotoFile, Problem, Sample, Split


def read(folder: Path) -> LabelledPhotos:
    """Labels in the order of their names. Raises DataError where there are no folders of labels."""
    roots = _roots(folder)
    classes = [(split, label) for root, split in roots for label in folders_in(root)]
    if not classes:
        raise DataError(f"{folder} has no folders; put the photos of each label into a folder of its name")
    samples = [sample for split, label in classes for sample in _samples(label, split)]
    loose = dict.fromkeys(path for top in (folder, *(root for root, _ in roots)) for path in photos_in(top))
    problems = tuple(_without_label(path) for path in loose)
    labels = tuple(sorted({label.name for _, label in classes}))
    return LabelledPhotos(str(folder), "classify", labels, tuple(samples), problems)


def _roots(folder: Path) -> list[tuple[Path, Split | None]]:
    """Where folders of labels lie: in `folder`, or in folders that are all named like splits."""
    tops = folders_in(folder)
    if tops and all(top.name.lower() in SPLIT_NAMES and folders_in(top) for top in tops):
        return [(top, SPLIT_NAMES[top.name.lower()]) for top in tops]
    return [(folder, None)]


def _samples(folder: Path, split: Split | None) -> Iterator[Sample]:
    paths = photos_below(folder)
    inner = [path.relative_to(folder) for path in paths]
    place = f"{split}/{folder.name}" if split else folder.name
    for path, product in zip(paths, _products(inner), strict=True):
        yield Sample(PhotoFile(path), f"{place}/{product}", str(path), label=folder.name, split=split)


def _products(paths: list[Path]) -> Iterator[str]:
    for path, product in zip(paths, by_name(paths), strict=True):
        yield product if path.parent == PurePath() else path.parent.as_posix()


def _without_label(path: Path) -> Problem:
    sentence = f"{path} lies in no folder of a label; move it into one"
    return Problem(str(path), "no_label", sentence)
