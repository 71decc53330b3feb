"""What a TIFF says of itself, from its first directory (TIFF 6.0, section 2). Free of torch."""

from __future__ import annotations

import struct

from models.errors import FormatRefused, TooCostly

_KNOWN = "raw tiff_lzw tiff_adobe_deflate tiff_deflate packbits jpeg"
COMPRESSIONS = frozenset(_KNOWN.split())
"""In Pillow's names. The others are rare in photos, and each is one more decoder that strangers could reach."""

_VALUES = 1_000_000
_TEXT = (1, 2, 6, 7)  # types of one byte a value: kept as they are, the others become one object each


def check_directory(data: bytes) -> None:
    """Refuse a directory whose numbers alone would fill the memory. Raises TooCostly; what is broken is left."""
    order = "<" if data[:2] == b"II" else ">"
    big = data[2:4] in (b"+\0", b"\0+")
    start, count, entry = (8, "Q", "HHQ8s") if big else (4, "H", "HHI4s")
    try:
        (at,) = struct.unpack_from(order + ("Q" if big else "I"), data, start)
        (tags,) = struct.unpack_from(order + count, data, at)
    except (struct.error, OverflowError):  # OverflowError: of a place beyond all files
        return
    entry = order + entry
    size, first = struct.calcsize(entry), at + struct.calcsize(order + count)
    end = min(first + size * tags, len(data))
    whole = data[first : end - (end - first) % size]
    values = sum(count for _, kind, count, _ in struct.iter_unpack(entry, whole) if kind not in _TEXT)
    if values > _VALUES or tags > 65_535:
        raise TooCostly(f"the TIFF's directory lists {values:,} numbers; a photo has a few thousand")


def check_compression(name: object) -> None:
    """Raises FormatRefused."""
    if name not in COMPRESSIONS:
        raise FormatRefused(
            f"TIFFs compressed by {name} are not accepted; save the photo with LZW or as JPEG"
        )
