"""Photos in folders, and where a name in a table or an annotation file leads."""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath

from models.errors import DataError
from models.training.left_out import LeftOut
from models.training.samples import Problem

_NO_PHOTOS = frozenset(
    (".txt", ".md", ".json", ".jsonl", ".csv", ".tsv", ".xml", ".yaml", ".yml", ".html", ".log", ".parquet")
)
_NO_PHOTO_NAMES = frozenset(("thumbs.db", "desktop.ini"))
_DRIVE = re.compile(r"[A-Za-z]:")


def photos_below(folder: Path) -> list[Path]:
    """Files below `folder`, sorted, without hidden ones and those whose ending tells that they are no photos.

    All others are taken for photos: what is none will be found when it is looked at. Links to folders further
    down are not followed. Raises DataError where a folder cannot be read.
    """
    found = []
    for parent, folders, names in os.walk(folder, onerror=_unreadable):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [Path(parent, name) for name in sorted(names) if _may_be_photo(name)]
    return found


def photos_in(folder: Path) -> list[Path]:
    """As `photos_below`, of this folder alone."""
    return [path for path in _entries(folder) if path.is_file() and _may_be_photo(path.name)]


def folders_in(folder: Path) -> list[Path]:
    """Folders, and links to folders, in `folder`, sorted, without hidden ones."""
    return [path for path in _entries(folder) if path.is_dir() and not path.name.startswith(".")]


def located(folder: Path, name: str) -> Path:
    """The file `name` below `folder`. Raises LeftOut: it is not there, or it would lie elsewhere."""
    plain = name.strip().replace("\\", "/")
    parts = PurePosixPath(plain)
    named = repr(name if len(name) <= 100 else f"{name[:99]}…")
    if parts.is_absolute() or ".." in parts.parts or _DRIVE.match(plain):
        raise LeftOut(
            "outside_folder", f"the photo {named} does not lie below {folder}; name it as seen from there"
        )
    path = folder / parts
    if not os.path.isfile(path):  # noqa: PTH113 - unlike Path.is_file, it takes any text
        raise LeftOut("missing_file", f"there is no photo {named} below {folder}")
    return path


def _may_be_photo(name: str) -> bool:
    plain = name.lower()
    hidden = plain.startswith(".") or plain in _NO_PHOTO_NAMES
    return not hidden and PurePosixPath(plain).suffix not in _NO_PHOTOS


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        _unreadable(error)
        raise


def _unreadable(error: OSError) -> None:
    raise DataError(f"the folder {error.filename} cannot be read: {error.strerror}") from None


def by_stem(folder: Path) -> tuple[dict[str, Path], list[Problem]]:
    """Files that may be photos below `folder`, by their path without ending; the second of one name is a problem."""
    found: dict[str, Path] = {}
    problems = []
    for path in photos_below(folder):
        first = found.setdefault(path.relative_to(folder).with_suffix("").as_posix(), path)
        if first is not path:
            sentence = f"{path} differs from {first.name} only in its ending; keep one of them"
            problems.append(Problem(str(path), "same_name", sentence))
    return found, problems
