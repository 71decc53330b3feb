"""Folders `images` and `masks`: photos and PNGs of one name, a number a pixel, 0 for background.

`labels.txt` beside them names the labels, one a line, from number 1 on; a first line `background` is number 0.
Without it labels are called by their numbers, and the label of masks with one number only is `foreground`. That
number may be 255, as in black and white masks; else 255 is for pixels that nobody judged. Without names, numbers that
look like shades of grey are refused. For detect, each connected area of a label is one object. Folders `train`, `val`
and `test` within `images` and `masks` are splits.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from models.errors import DataError
from models.training.readers.boxes import with_boxes
from models.training.readers.files import by_stem
from models.training.readers.mask_numbers import find_numbers, read_names
from models.training.readers.products import by_name
from models.training.readers.sources import MaskFile
from models.training.readers.split_names import SPLIT_NAMES
from models.training.samples import LabelledPhotos, PhotoFile, Problem, Sample, TrainableTask


def read(folder: Path, task: TrainableTask) -> LabelledPhotos:
    """Labels in the order of their numbers. Raises DataError."""
    if task == "classify":
        raise DataError(
            f"{folder} holds masks, for segment and detect; to classify, make a folder for each label"
        )
    photos, problems = by_stem(folder / "images")
    masks, more = by_stem(folder / "masks")
    problems += more + _alone(photos, masks)
    names = [name for name in photos if name in masks]
    numbers = find_numbers(read_names(folder / "labels.txt"), [masks[name] for name in names], folder)
    products = by_name([PurePosixPath(f"{name}.png") for name in names])
    samples = [
        Sample(
            PhotoFile(photos[name]),
            product,
            str(masks[name]),
            mask=MaskFile(masks[name], numbers.values),
            split=SPLIT_NAMES.get(name.partition("/")[0].lower()) if "/" in name else None,
        )
        for name, product in zip(names, products, strict=True)
    ]
    if task == "detect":
        samples, rest = with_boxes(samples, numbers.labels)
        problems += rest
    return LabelledPhotos(str(folder), task, numbers.labels, tuple(samples), tuple(problems))


def _alone(photos: Mapping[str, Path], masks: Mapping[str, Path]) -> list[Problem]:
    unmasked = [path for name, path in photos.items() if name not in masks]
    unseen = [path for name, path in masks.items() if name not in photos]
    return [
        *(Problem(str(path), "no_mask", f"{path} has no mask of its name; draw one") for path in unmasked),
        *(Problem(str(path), "no_photo", f"{path} is a mask without a photo of its name") for path in unseen),
    ]
