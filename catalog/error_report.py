"""The file of refused rows beside a manifest: CSV that any spreadsheet opens."""

from __future__ import annotations

import csv
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO
from uuid import uuid4

from catalog.manifests import RowError
from models.spreadsheets import harmless

_ROOM = 255 - len(".errors.csv")

COLUMNS = ("line", "sku", "source", "code", "reason")


class ErrorReport:
    """Written as errors come, in place at the end; with no error, a report of an earlier run is removed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = 0
        self._partial = _partial(path)
        self._file: TextIO | None = None

    def __enter__(self) -> Self:
        return self

    def add(self, error: RowError) -> None:
        """Append one refused row or photo."""
        if self._file is None:
            self._file = self._open()
            csv.writer(self._file).writerow(COLUMNS)
        cells = (error.line, error.sku or "", error.source or "", error.code, error.reason)
        csv.writer(self._file).writerow([harmless(cell) if isinstance(cell, str) else cell for cell in cells])
        self.count += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()
            try:
                self._partial.replace(self.path)
            except OSError:  # a folder has that name, or somebody else's file
                self.path = self._partial
        elif kind is None:
            with suppress(OSError):
                self.path.unlink()

    def _open(self) -> TextIO:
        # The manifest may lie where nothing can be written, and in a container the current folder, too.
        for folder in (Path.cwd, tempfile.gettempdir):
            try:
                return self._partial.open("x", newline="", encoding="utf-8")
            except OSError:
                self.path = Path(folder()) / self.path.name
                self._partial = _partial(self.path)
        return self._partial.open("x", newline="", encoding="utf-8")


def _partial(path: Path) -> Path:
    """A name of its own: another ingest of the same manifest may be writing its report just now."""
    return path.with_name(f".{uuid4().hex}.partial")


def report_path(location: str) -> Path:
    """Where the report of a manifest goes: beside a file or folder, else into the current folder."""
    if location.startswith("s3://"):
        name = location.removeprefix("s3://").strip("/").replace("/", "-")
        return Path(_name(name))
    path = Path(location).absolute()
    return path.with_name(_name(path.name))


def _name(manifest: str) -> str:
    """A file's name has room for 255 bytes, and the manifest's may fill it."""
    return f"{os.fsencode(manifest)[:_ROOM].decode(errors='ignore')}.errors.csv"
