"""Open torchvision's data sets, each of which wants its splits asked for in its own way."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from models.errors import DataError
from models.training.samples import Split

_TWO: Final[dict[str, Split | None]] = {"train": None, "test": "test"}
_THREE: Final[dict[str, Split | None]] = {"train": None, "val": "val", "test": "test"}
_NO_TEST: Final[dict[str, Split | None]] = {"train": None, "val": "val"}

_SPLITS: Final[dict[str, dict[str, Split | None]]] = {
    **dict.fromkeys(("Food101", "GTSRB", "SVHN", "STL10", "StanfordCars"), _TWO),
    **dict.fromkeys(("Flowers102", "DTD", "FGVCAircraft", "RenderedSST2", "PCAM"), _THREE),
    **dict.fromkeys(("Imagenette", "ImageNet", "CLEVRClassification"), _NO_TEST),
    "Country211": {"train": None, "valid": "val", "test": "test"},
    "OxfordIIITPet": {"trainval": None, "test": "test"},
    "Places365": {"train-standard": None, "val": "val"},
}
"""A set's own words for its splits -> ours. None is left to the draw."""

_INSTEAD: Final = {
    "CocoDetection": "its annotation file, instances.json",
    "CocoCaptions": "a table of labels",
    "ImageFolder": "the folder itself",
    "DatasetFolder": "the folder itself",
}
"""Classes that read a user's own files -> what to write into `data.source`."""


@dataclass(frozen=True, slots=True)
class Part:
    """One split of a set: `word` is the set's own for it."""

    source: str
    word: str
    split: Split | None
    items: Any

    def name(self, index: int) -> str:
        return f"{self.source} {self.word} {index}"


def open_parts(name: str, root: Path, options: Mapping[str, Any] | None = None) -> list[Part]:
    """All splits of a set. Raises DataError."""
    parameters = parameters_of(name)
    ways: list[tuple[str, Split | None, dict[str, Any]]]
    if name in _SPLITS:
        ways = [(word, split, {"split": word}) for word, split in _SPLITS[name].items()]
    elif "train" in parameters:
        ways = [(word, split, {"train": word == "train"}) for word, split in _TWO.items()]
    elif "split" in parameters:
        raise DataError(
            f"torchvision:{name} has splits of its own kind; save its photos in a folder for each label"
        )
    else:
        ways = [("all", None, {})]
    source = f"torchvision:{name}"
    return [
        Part(source, word, split, open_one(name, root, {**way, **(options or {})}))
        for word, split, way in ways
    ]


def open_one(name: str, root: Path, options: Mapping[str, Any]) -> Any:
    """The set as it is in `root`, else downloaded to it. Raises DataError."""
    from torchvision import datasets

    parameters = parameters_of(name)
    place = {"root": str(root)} if "root" in parameters else {}
    tries = [False, True] if "download" in parameters else [None]
    fault = Exception()
    for download in tries:
        more = {} if download is None else {"download": download}
        try:
            return getattr(datasets, name)(**place, **more, **options)
        except Exception as error:  # noqa: BLE001 - each set raises what it likes, on damaged files above all
            fault = error
        if isinstance(fault, ModuleNotFoundError):
            break
    raise could_not(name, root, fault)


def could_not(name: str, root: Path, fault: Exception) -> DataError:
    """What to tell of a set that is not there, not to be downloaded, or damaged."""
    if isinstance(fault, ModuleNotFoundError):
        package = str(fault.name).partition(".")[0]
        return DataError(f"torchvision:{name} needs {package}: `pip install {package}`")
    reason = " ".join(str(fault).split())[:200] or type(fault).__name__
    return DataError(
        f"torchvision:{name} is not in {root} and cannot be downloaded ({reason}); put its files there as torchvision "
        f"lays them out, or name another folder: torchvision:{name}?root=FOLDER"
    )


def parameters_of(name: str) -> Mapping[str, Any]:
    """What the class takes. Raises DataError where there is no such set, or one that reads a user's own files."""
    from torchvision import datasets

    if name in _INSTEAD:
        raise DataError(f"torchvision:{name} reads files of your own; set data.source to {_INSTEAD[name]}")
    found = getattr(datasets, name, None) if name in datasets.__all__ else None
    if not isinstance(found, type) or found is datasets.VisionDataset:
        raise DataError(
            f"torchvision has no data set {name!r}; write it as in torchvision.datasets, such as CIFAR10"
        )
    return inspect.signature(found).parameters
