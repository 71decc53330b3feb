"""Text lines from a file of bytes: encodings, wrong bytes, endless lines, and going back a few lines."""

from __future__ import annotations

import codecs
import io
from collections import deque
from typing import IO

from catalog.errors import ManifestError


class TooLong(Exception):  # never leaves the package: it becomes a RowError
    """A line, or the record it belongs to, is longer than allowed."""


def open_text(file: IO[bytes]) -> io.TextIOWrapper:
    """`file` as text: UTF-8, with or without a byte order mark, or UTF-16 with one.

    Wrong bytes do not stop the reading: each becomes a half surrogate U+DC00 + byte, which no valid text
    holds and `catalog.manifests.cells` refuses. Raises ManifestError for other encodings that can be told.
    """
    start = file.read(4096)
    file.seek(0)
    packed = next((name for magic, name in _PACKED.items() if start.startswith(magic)), None)
    if packed:
        raise ManifestError(f"the manifest is {packed}; archives are not taken: unpack it, or save it as CSV")
    if start.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        raise ManifestError("the manifest is UTF-32; save it as UTF-8")
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return io.TextIOWrapper(file, encoding="utf-16", errors=_MARK, newline="")
    if b"\0" in start[:4]:
        raise ManifestError(
            "the manifest starts with NUL bytes: it is binary, or UTF-16 without its mark; save it as UTF-8"
        )
    return io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline="")


_PACKED = {
    b"PK\x03\x04": "a zip archive or an Excel file",
    b"\x1f\x8b": "packed by gzip",
    b"BZh": "packed by bzip2",
    b"\xfd7zXZ\0": "packed by xz",
    b"\x28\xb5\x2f\xfd": "packed by zstd",
}


def _mark_wrong_bytes(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return "".join(chr(0xDC00 + byte) for byte in error.object[error.start : error.end]), error.end


_MARK = "catalog.manifests.mark"
codecs.register_error(_MARK, _mark_wrong_bytes)


class Lines:
    """Iterates over physical lines, with their ends, and can go back to the start of a record.

    `number` is the number of the line handed out last, from 1. A line, and a record since `mark`, may have
    `limit` characters; beyond that TooLong is raised and the rest of that line is skipped.
    """

    def __init__(self, text: io.TextIOWrapper, limit: int) -> None:
        self.number = 0
        self._text = text
        self._limit = limit
        self._waiting: deque[str] = deque()
        self._held: list[str] = []
        self._size = 0

    def __iter__(self) -> Lines:
        return self

    def __next__(self) -> str:
        line = self._waiting.popleft() if self._waiting else self._text.readline(self._limit + 1)
        if not line:
            raise StopIteration
        self.number += 1
        self._size += len(line)
        if len(line) > self._limit:
            self._skip_rest(line)
            self._held.clear()
            raise TooLong
        self._held.append(line)
        if self._size > self._limit:
            raise TooLong
        return line

    def mark(self) -> None:
        """A record starts with the next line."""
        self._held.clear()
        self._size = 0

    def back(self, keep: int = 0) -> None:
        """Go back to line `keep` of this record: with 1, only its first line stays read."""
        again = self._held[keep:]
        self._waiting.extendleft(reversed(again))
        self.number -= len(again)
        self.mark()

    def _skip_rest(self, line: str) -> None:
        while line and not line.endswith(("\n", "\r")):
            line = self._text.readline(self._limit + 1)
