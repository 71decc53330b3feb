"""Whether LittleCMS may read an ICC profile (ICC.1:2022, sections 7 and 10). Free of torch.

It takes the memory for a table before it reads it, up to half a gigabyte: a profile of 600 bytes would do.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from math import prod

_HEADER, _ENTRY = 128, struct.Struct(">4sII")
_MOST_TAGS = 100  # of more, LittleCMS reads none


def tables_fit(profile: bytes) -> bool:
    """Whether each table that could be long lies within its tag."""
    try:
        return all(map(_fits, _tags(profile)))
    except (struct.error, IndexError):
        return False


def _tags(profile: bytes) -> Iterator[bytes]:
    (count,) = struct.unpack_from(">I", profile, _HEADER)
    for number in range(min(count, _MOST_TAGS)):
        _, at, size = _ENTRY.unpack_from(profile, _HEADER + 4 + number * _ENTRY.size)
        yield profile[at : at + size]


def _fits(tag: bytes) -> bool:
    match tag[:4]:
        case b"mluc":  # a text in many languages, twelve bytes each besides the words
            entries = 12 * int.from_bytes(tag[8:12], "big")
        case b"mft1" | b"mft2":  # a grid of colours, of one or two bytes
            entries = tag[10] ** tag[8] * tag[9]
        case b"mAB " | b"mBA " if at := int.from_bytes(
            tag[24:28], "big"
        ):  # a grid with a length for each side
            entries = prod(tag[at : at + tag[8]]) * tag[9] if at + 16 < len(tag) else len(tag) + 1
        case _:
            return True
    return entries <= len(tag)
