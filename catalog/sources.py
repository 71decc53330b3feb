"""From a photo reference in a manifest to the photo's bytes, without reading anything else on the machine."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Sequence
from typing import Final, NoReturn

from catalog.asset_store import AssetStore
from catalog.errors import (
    BucketMissing,
    ObjectMissing,
    ObjectTooLarge,
    SourceError,
    StoreError,
    StoreRefused,
    StoreUnavailable,
)
from catalog.manifests import shown
from catalog.references import in_bucket, is_url, kept
from models.files import pinned

CODES: Final = (
    "empty_reference",
    "url_not_allowed",
    "outside_root",
    "missing_file",
    "not_a_file",
    "too_many_bytes",
    "unreadable",
)
"""Codes of a SourceError, in the order in which they are looked for."""

MAX_BYTES: Final = 64 * 1024 * 1024


class Sources:
    """Reads the photos that a manifest names. May be used from many threads at once.

    `base` is where relative references start: the manifest's folder, or `s3://bucket/prefix/`
    (`Manifest.base`). A reference may point below `base` or below one of `roots`, which are folders or
    `s3://bucket/prefix`; nowhere else, neither by `..`, nor by an absolute path, nor through a link.
    A file of more than `max_bytes` bytes is refused before it is read. `store` is any store on the server of
    the `s3://` references.
    """

    def __init__(
        self,
        base: str,
        *,
        roots: Sequence[str] = (),
        store: AssetStore | None = None,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        places = (base, *roots)
        self._base = base if in_bucket(base) else os.path.realpath(base)
        self._written = base if in_bucket(base) else os.path.abspath(base)  # noqa: PTH100
        self._prefixes = tuple(_folder(place) for place in places if in_bucket(place))
        folders = [place for place in places if not in_bucket(place)]
        self._real_roots = tuple(_folder(os.path.realpath(folder)) for folder in folders)
        # As written too, because a reference may name a root by a path that leads through links.
        self._roots = (*self._real_roots, *(_folder(os.path.abspath(folder)) for folder in folders))  # noqa: PTH100
        self._store = store
        self._max_bytes = max_bytes

    def read(self, reference: str) -> bytes:
        """The bytes of a photo. Raises SourceError, and StoreError when the store itself is in trouble."""
        if not reference.strip():
            raise SourceError("empty_reference", "the photo reference is empty")
        if in_bucket(reference):
            return self._read_object(reference)
        if is_url(reference):
            raise SourceError(
                "url_not_allowed",
                f"{shown(kept(reference))} is a URL; http and https are fetched with --allow-urls, others never",
            )
        if in_bucket(self._base):
            if reference.startswith("/"):
                raise SourceError("outside_root", f"{shown(reference)} is absolute; write s3://bucket/key")
            return self._read_object(_folder(self._base) + reference)
        return self._read_file(reference)

    def place(self, reference: str) -> str:
        """The whole path or URL of a photo: another file there later is another photo in its place.

        A path is taken as it is written, not as links lead: `current/1.jpg` stays the same place when `current` leads
        to the folder of another day.
        """
        if in_bucket(reference) or is_url(reference):
            return reference
        if in_bucket(self._written):
            return _folder(self._written) + reference
        return os.path.normpath(os.path.join(self._written, reference))  # noqa: PTH118

    def _read_object(self, url: str) -> bytes:
        bucket, _, key = url.removeprefix("s3://").partition("/")
        if not url.startswith(self._prefixes) or not {".", ".."}.isdisjoint(key.split("/")):
            _refuse_outside(url, f"s3://{bucket}")
        if self._store is None:
            raise SourceError("unreadable", f"{shown(url)} needs an object store in the settings")
        try:
            return self._store.in_bucket(bucket).get(key, limit=self._max_bytes)
        except (ObjectMissing, BucketMissing):
            raise SourceError("missing_file", f"{shown(url)} is not there") from None
        except ObjectTooLarge as error:
            raise SourceError("too_many_bytes", shown(str(error), 300)) from None
        except (StoreUnavailable, StoreRefused):
            raise
        except StoreError as error:  # the server takes no such key
            raise SourceError("unreadable", shown(str(error), 300)) from None

    def _read_file(self, reference: str) -> bytes:
        """What is outside by its name is refused before it is looked at."""
        for written in dict.fromkeys((reference, reference.replace("\\", "/"))):
            path = os.path.join(self._base, written)  # noqa: PTH118
            if not _below(os.path.normpath(path), self._roots):
                _refuse_outside(reference, "/its/folder")
            try:
                return self._read_regular(path, reference)
            except FileNotFoundError:
                continue  # perhaps a path from Windows
            except (OSError, ValueError) as error:
                _refuse_unreadable(reference, error)
        raise SourceError("missing_file", f"{shown(reference)} is not there")

    def _read_regular(self, path: str, reference: str) -> bytes:
        with pinned(path) as found:
            if not _below(found.place, self._real_roots):
                _refuse_outside(reference, "/its/folder")
            self._check(found.status, reference)
            size = found.status.st_size
            with found.open() as file:
                data = file.read(size + 1)  # not up to the limit: as much memory would be taken first
                if len(data) > size:  # it still grows
                    data += file.read(self._max_bytes + 1 - len(data))
        if len(data) > self._max_bytes:
            self._refuse_large(reference, len(data))
        return data

    def _check(self, status: os.stat_result, reference: str) -> None:
        if not stat.S_ISREG(status.st_mode):
            kind = "a folder" if stat.S_ISDIR(status.st_mode) else "a device, pipe or socket"
            raise SourceError("not_a_file", f"{shown(reference)} is {kind}, not a regular file")
        if status.st_size > self._max_bytes:
            self._refuse_large(reference, status.st_size)

    def _refuse_large(self, reference: str, size: int) -> NoReturn:
        raise SourceError(
            "too_many_bytes", f"{shown(reference)} has {size:,} bytes, more than {self._max_bytes:,}"
        )


def _folder(place: str) -> str:
    return place if place.endswith("/") else f"{place}/"


def _below(path: str, roots: Sequence[str]) -> bool:
    """Whether a path without `..` is one of the roots, each with a slash at its end, or lies below one."""
    return _folder(path).startswith(tuple(roots))


def _refuse_outside(reference: str, root: str) -> NoReturn:
    raise SourceError(
        "outside_root",
        f"{shown(reference)} is outside of the manifest's folder; allow its place with --root {shown(root)}",
    )


def _refuse_unreadable(reference: str, error: OSError | ValueError) -> NoReturn:
    if isinstance(error, ValueError) or error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG):
        raise SourceError("missing_file", f"{shown(reference)} is not there") from None
    raise SourceError("unreadable", f"{shown(reference)} cannot be read: {error.strerror}") from None
