"""Opens a manifest wherever it is and whatever its format."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import IO, Final, Literal

from catalog.asset_store import AssetStore
from catalog.errors import ManifestError, ObjectMissing
from catalog.filters import is_text
from catalog.manifests.contradictions import ProductIndex
from catalog.manifests.csv_file import CsvReader
from catalog.manifests.folder import BucketReader, FolderReader
from catalog.manifests.form import PRODUCTS, Form, R
from catalog.manifests.jsonl_file import JsonLinesReader
from catalog.manifests.rows import Limits, Progress, Reader, Row, RowError, shown
from models.files import open_regular

Format = Literal["csv", "jsonl", "parquet", "folder", "s3"]
FileFormat = Literal["csv", "jsonl", "parquet"]

ENDINGS: Final[dict[str, FileFormat]] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
}
"""How a manifest's name ends -> its format. A folder and a prefix of a bucket are manifests as well."""

DEFAULT_LIMITS: Final = Limits()


class Manifest:
    """An open manifest: read its rows once, ask for its progress at any time, close it (or use `with`).

    `base` is where the photo references of its rows start: a folder, or `s3://bucket/prefix/`.
    """

    def __init__(self, location: str, format: Format, base: str, reader: Reader[Row]) -> None:
        self.location = location
        self.format = format
        self.base = base
        self._reader = reader
        self._products = ProductIndex()

    @property
    def columns(self) -> tuple[str, ...]:
        return self._reader.columns

    def rows(self) -> Iterator[Row | RowError]:
        for row in self._reader.rows():
            yield self._products.check(row) if isinstance(row, Row) else row

    def __iter__(self) -> Iterator[Row | RowError]:
        return self.rows()

    def progress(self) -> Progress:
        return self._reader.progress()

    def close(self) -> None:
        self._reader.close()
        self._products.close()

    def __enter__(self) -> Manifest:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_manifest(
    location: str,
    *,
    format: FileFormat | None = None,
    store: AssetStore | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> Manifest:
    """Open the CSV, JSON Lines or Parquet file, the folder or the `s3://bucket/prefix` at `location`.

    `format` overrides what the ending of a file's name says. `store` is any store on the server that `s3://`
    locations are on. Memory stays flat however many rows there are. Raises ManifestError when the manifest as
    a whole cannot be used, and StoreError; what is wrong with one row is a RowError in its place.
    """
    if location.startswith("s3://"):
        return _open_in_bucket(location, format, store, limits)
    path = Path(location)
    if not os.path.exists(location):  # noqa: PTH110  (unlike Path.exists, it takes any text)
        raise ManifestError(
            f"there is no manifest {shown(location)}; give a file, a folder or s3://bucket/prefix"
        )
    if not is_text(str(path.resolve())):  # the catalog keeps it
        raise ManifestError(f"the path of {shown(location)} is not valid text; rename it in UTF-8")
    if path.is_dir():
        return Manifest(location, "folder", str(path.absolute()), FolderReader(path, limits))
    try:
        file = open_regular(location)
    except OSError as error:
        raise ManifestError(f"the manifest {shown(location)} cannot be read: {error.strerror}") from None
    return _open_file(location, str(path.absolute().parent), file, format, limits)


def _open_file(
    location: str, base: str, file: IO[bytes], format: FileFormat | None, limits: Limits
) -> Manifest:
    kind, reader = open_reader(location, file, PRODUCTS, format, limits)
    return Manifest(location, kind, base, reader)


def open_reader(
    location: str,
    file: IO[bytes],
    form: Form[R],
    format: FileFormat | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> tuple[FileFormat, Reader[R]]:
    """A reader of a CSV, JSON Lines or Parquet file of any form, which closes it. Raises ManifestError."""
    try:
        size = file.seek(0, 2)
        file.seek(0)
        kind = format or _format_of(location, file)
        return kind, _reader(kind, file, size, limits, form)
    except ManifestError as error:
        file.close()
        raise ManifestError(f"{shown(location)}: {error}") from None
    except BaseException:
        file.close()
        raise


def _reader(kind: FileFormat, file: IO[bytes], size: int, limits: Limits, form: Form[R]) -> Reader[R]:
    if kind == "csv":
        return CsvReader(file, size, limits, form)
    if kind == "jsonl":
        return JsonLinesReader(file, size, limits, form)
    from catalog.manifests.parquet_file import (
        ParquetReader,  # Arrow weighs 45 MB, and workers open no manifests
    )

    return ParquetReader(file, limits, form)


def _format_of(location: str, file: IO[bytes]) -> FileFormat:
    start = file.read(4)
    file.seek(0)
    if start == b"PAR1":
        return "parquet"
    ending = PurePosixPath(location).suffix.lower()
    if ending in ENDINGS:
        return ENDINGS[ending]
    raise ManifestError(f"unknown format {ending!r}; name the file {', '.join(ENDINGS)}, unpacked")


def _open_in_bucket(
    location: str, format: FileFormat | None, store: AssetStore | None, limits: Limits
) -> Manifest:
    """A file in a bucket is copied to a temporary file first; anything else is a prefix that holds photos."""
    bucket, _, key = location.removeprefix("s3://").partition("/")
    if store is None or not bucket:
        raise ManifestError(f"{shown(location)} needs a bucket's name and an object store in the settings")
    store = store.in_bucket(bucket)
    if format is None and PurePosixPath(key).suffix.lower() not in ENDINGS:
        prefix = key if not key or key.endswith("/") else f"{key}/"
        return Manifest(location, "s3", f"s3://{bucket}/{prefix}", BucketReader(store, prefix, limits))
    file = tempfile.TemporaryFile()  # noqa: SIM115  (the manifest closes it)
    try:
        store.copy_to(key, file)
    except ObjectMissing:
        file.close()
        raise ManifestError(f"there is no manifest {shown(location)}") from None
    except BaseException:
        file.close()
        raise
    folder = key.rpartition("/")[0]
    return _open_file(
        location, f"s3://{bucket}/{folder}/" if folder else f"s3://{bucket}/", file, format, limits
    )
