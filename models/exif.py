"""The orientation a photo's metadata asks for. Free of torch.

Read here, not by Pillow: of all that EXIF may hold one small number is wanted, and strangers may write anything.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from typing import Any

ORIENTATION = 0x0112

_SHORT = 3
_PNG = b"\x89PNG\r\n\x1a\n"
_MOST_CHUNKS = 100_000  # a photo of 50 MB has some thousands
_PREFIX = b"Exif\0\0"
_XMP_BYTES = 200_000  # further than this nobody writes it
_XMP = re.compile(rb"tiff:Orientation(?:=\"|>)([1-8])")
_RAW_PROFILE = "Raw profile type exif"  # as ImageMagick writes EXIF into a PNG: hexadecimal, in a text


def turn(data: bytes, form: str, info: Mapping[str | tuple[int, int], Any]) -> int:
    """How a photo whose pixels Pillow gives is to be turned, 1 to 8, from its bytes, its format and Pillow's `info`."""
    if form == "TIFF":
        return 1  # Pillow turns it
    if form == "PNG" and "exif" not in info and (behind := _of_png(data)):
        info = {**info, "exif": behind}
    return orientation(info)


def orientation(info: Mapping[str | tuple[int, int], Any]) -> int:
    """1 to 8, from Pillow's `info`: of EXIF, else of XMP, else 1. Broken metadata counts as none."""
    return _of_exif(_exif(info)) or _of_xmp(info.get("xmp")) or 1


def _of_png(data: bytes) -> bytes:
    """A PNG's EXIF chunk; it may stand behind the pixels, where Pillow has not been as it opens the file."""
    at = len(_PNG)
    for _ in range(_MOST_CHUNKS):
        size, kind = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8]
        if kind == b"eXIf":
            return data[at + 8 : at + 8 + size]
        at += 12 + size
        if at >= len(data):
            break
    return b""


def _exif(info: Mapping[str | tuple[int, int], Any]) -> bytes:
    found = info.get("exif")
    if found is None and isinstance(text := info.get(_RAW_PROFILE), str):
        try:
            found = bytes.fromhex("".join(text.split("\n")[3:]))
        except ValueError:
            return b""
    return found if isinstance(found, bytes) else b""


def _of_exif(blob: bytes) -> int:
    """The tag of the first directory (EXIF 2.32, 4.6.4); 0 where it has none that is valid."""
    blob = blob.removeprefix(_PREFIX)
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(blob[:4])
    if order is None or len(blob) < 8:
        return 0
    (start,) = struct.unpack_from(f"{order}I", blob, 4)
    if start + 2 > len(blob):
        return 0
    (count,) = struct.unpack_from(f"{order}H", blob, start)
    for at in range(start + 2, min(start + 2 + 12 * count, len(blob) - 11), 12):
        tag, kind, values, value = struct.unpack_from(f"{order}HHIH", blob, at)
        if tag == ORIENTATION:
            return value if kind == _SHORT and values == 1 and 1 <= value <= 8 else 0
    return 0


def _of_xmp(xmp: object) -> int:
    found = _XMP.search(xmp[:_XMP_BYTES]) if isinstance(xmp, bytes) else None
    return int(found[1]) if found else 0
