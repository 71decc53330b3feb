"""Which photos of a VOC folder count, and in which split: the lists in `ImageSets`."""

from __future__ import annotations

from pathlib import Path

from models.errors import DataError
from models.training.samples import Problem, Split

Lists = dict[str, Split | None]
"""Name of a photo without ending -> its split. None: it counts, and the draw decides."""

_FILES: tuple[tuple[str, Split | None], ...] = (
    ("trainval", None),
    ("train", "train"),
    ("val", "val"),
    ("test", "test"),
)
"""The later, the more it is guarded: a photo in two lists is in the last."""


def read_lists(folder: Path) -> Lists | None:
    """From `train.txt`, `val.txt`, `test.txt` and `trainval.txt` in `folder`; None where none of them is there."""
    files = [(folder / f"{name}.txt", split) for name, split in _FILES]
    found = [(name, split) for path, split in files if path.is_file() for name in _names(path)]
    return dict(found) if any(path.is_file() for path, _ in files) else None


def _names(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"the list {path} cannot be read: {error}; save it as UTF-8") from None
    return [line.strip() for line in lines if line.strip()]


def unlisted(folder: Path, names: list[str]) -> list[Problem]:
    """One problem for all photos that are in no list: there may be thousands."""
    if not names:
        return []
    sentence = f"{len(names):,} photos are in no list there, such as {names[0]}; add them to one, or delete the lists"
    return [Problem(str(folder), "not_listed", sentence)]
