"""Data sets that torchvision knows: `torchvision:NAME`, or `torchvision:NAME?root=FOLDER`.

They lie in FOLDER, else in $TAGMILL_DATA, else in ~/.cache/tagmill, and are downloaded where that can be done. Their
own val and test stay what they are; what they call train is left to the draw, which takes val from it if need be.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from models.errors import DataError
from models.starter.data import LABELS, has_files, load_fashion_mnist
from models.starter.data import Split as FashionSplit
from models.training.readers import voc
from models.training.readers.zoo_open import Part, could_not, open_one, open_parts, parameters_of
from models.training.readers.zoo_samples import labelled, pet_masks, pixel_samples
from models.training.samples import LabelledPhotos, Sample, TrainableTask

PREFIX: Final = "torchvision:"
ROOT: Final = "TAGMILL_DATA"

_BOXES, _MASKS, _PETS = "VOCDetection", "VOCSegmentation", "OxfordIIITPet"
_TASKS: Final[dict[str, tuple[TrainableTask, ...]]] = {
    _BOXES: ("detect",),
    _MASKS: ("segment",),
    _PETS: ("classify", "segment"),
}
"""What sets have beside labels of whole photos; the others are for classify."""

_FASHION: Final[tuple[FashionSplit, ...]] = ("train", "test")


def read(source: str, task: TrainableTask) -> LabelledPhotos:
    """Labels in the order of the set. Raises DataError: no such set, not for this task, or not to be had."""
    name, _, query = source.removeprefix(PREFIX).partition("?")
    root = _root(source, query)
    parameters_of(name)  # refuses what is no set
    tasks = _TASKS.get(name, ("classify",))
    if task not in tasks:
        fitting = [set_ for set_, served in _TASKS.items() if task in served]
        others = f"; sets for {task}: {', '.join(fitting)}" if fitting else ""
        raise DataError(f"{PREFIX}{name} is for {' and '.join(tasks)}, not for {task}{others}")
    if name == "FashionMNIST":
        return _fashion(root)
    if name in (_BOXES, _MASKS):
        folder = root / "VOCdevkit" / "VOC2012"
        if not folder.is_dir():
            open_one(name, root, {"image_set": "trainval"})
        return voc.read(folder, task)
    if task == "segment":
        return pet_masks(PREFIX + name, open_parts(name, root, {"target_types": "segmentation"}))
    return labelled(PREFIX + name, open_parts(name, root))


def _root(source: str, query: str) -> Path:
    """What stands behind `?root=`, as it is: a folder's name may hold anything."""
    key, _, folder = query.partition("=")
    if query and (key != "root" or not folder):
        raise DataError(f"{source} has {query!r} behind the question mark, where only root=FOLDER may stand")
    return Path(folder or os.environ.get(ROOT) or "~/.cache/tagmill").expanduser()


def _fashion(root: Path) -> LabelledPhotos:
    """Also from Debian's package, or from its four files as they are in `root`."""
    source = f"{PREFIX}FashionMNIST"
    whole = has_files(root, "train") and has_files(root, "test")
    samples: list[Sample] = []
    try:
        for name in _FASHION:
            photos, numbers = load_fashion_mnist(name, root if whole else None, root)
            part = Part(source, name, "test" if name == "test" else None, None)
            samples += pixel_samples(part, photos, [LABELS[number] for number in numbers])
    except Exception as error:  # noqa: BLE001 - as in `open_one`
        raise could_not("FashionMNIST", root, error) from None
    return LabelledPhotos(source, "classify", LABELS, tuple(samples))
