"""A folder, or a prefix of a bucket, as a manifest: its photos are its rows.

Each photo is a product whose sku is its path below the folder, without the ending: `shoes/red 1.jpg` is the
product `shoes/red 1`. Files that differ only in their ending are photos of one product. Nothing else is made
up: there is no title and no category. A row's line is the photo's place in the order of reading, from 1.
Files with other endings and hidden files and folders are passed over; links to folders are not followed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import Final

from catalog.asset_store import AssetStore
from catalog.errors import ManifestError
from catalog.manifests.builder import build_row
from catalog.manifests.columns import read_columns
from catalog.manifests.rows import Limits, Progress, Row, RowError, shown

PHOTO_ENDINGS: Final = frozenset(
    (
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"),
        *(".avif", ".heic", ".heif"),
    )
)
"""Files that are taken for photos. Some of these formats are refused later, with a reason that says so."""

_COLUMNS = read_columns(("sku", "image"), limit=2)


class FolderReader:
    """Photos below a folder of this machine, folder by folder in the order of names."""

    def __init__(self, folder: Path, limits: Limits) -> None:
        self._folder = folder
        self._limits = limits
        self._done = 0
        self._total = sum(1 for _ in _below(folder))
        if not self._total:
            raise ManifestError(
                f"no photos below {shown(str(folder))}; files that end in {_endings()} are photos"
            )

    @property
    def columns(self) -> tuple[str, ...]:
        return ()

    def progress(self) -> Progress:
        return Progress(self._done, max(self._done, self._total), "files")

    def close(self) -> None:
        pass

    def rows(self) -> Iterator[Row | RowError]:
        for path in _below(self._folder):
            self._done += 1
            yield (
                _unreadable(self._done, path)
                if isinstance(path, OSError)
                else _row(self._done, path, self._limits)
            )


class BucketReader:
    """Photos below a prefix of a bucket, in the order of the server."""

    def __init__(self, store: AssetStore, prefix: str, limits: Limits) -> None:
        self._prefix = prefix
        self._limits = limits
        self._done = 0
        keys = (key.removeprefix(prefix) for key in store.list(prefix))
        photos = (key for key in keys if _is_photo(key))
        first = next(photos, None)
        if first is None:
            raise ManifestError(
                f"no photos below s3://{store.bucket}/{shown(prefix)}; photos end in {_endings()}"
            )
        self._keys = chain([first], photos)

    @property
    def columns(self) -> tuple[str, ...]:
        return ()

    def progress(self) -> Progress:
        return Progress(self._done, None, "objects")

    def close(self) -> None:
        pass

    def rows(self) -> Iterator[Row | RowError]:
        for key in self._keys:
            self._done += 1
            yield _row(self._done, key, self._limits)


def _below(folder: Path) -> Iterator[str | OSError]:
    """Paths of photos below `folder`, sorted within each folder, and why not of a folder in it that cannot be read.

    One folder's names are in memory at a time. Raises ManifestError where `folder` itself cannot be read.
    """
    waiting = [""]
    while waiting:
        inner = waiting.pop()
        try:
            with os.scandir(folder / inner) as entries:
                found = sorted((entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries)
        except OSError as error:
            if not inner:
                raise ManifestError(
                    f"the folder {shown(str(folder))} cannot be read: {error.strerror}"
                ) from None
            yield OSError(error.errno, error.strerror, inner)
            continue
        waiting.extend(f"{inner}{name}/" for name, is_dir in reversed(found) if is_dir and name[0] != ".")
        yield from (f"{inner}{name}" for name, is_dir in found if not is_dir and _is_photo(name))


def _is_photo(path: str) -> bool:
    return PurePosixPath(path).suffix.lower() in PHOTO_ENDINGS and not PurePosixPath(path).name.startswith(
        "."
    )


def _row(line: int, path: str, limits: Limits) -> Row | RowError:
    # As a list, because text would be split at the `|` that a file's name may hold.
    sku = path[: -len(PurePosixPath(path).suffix)]
    return build_row(line, _COLUMNS, (sku, [path]), limits)


def _unreadable(line: int, error: OSError) -> RowError:
    folder = shown(error.filename)
    return RowError(line, None, folder, "unreadable", f"the folder {folder} cannot be read: {error.strerror}")


def _endings() -> str:
    return ", ".join(sorted(PHOTO_ENDINGS))
