"""The size of a WebP, before libwebp sees it. Free of torch."""

from __future__ import annotations

import struct


def canvas(data: bytes) -> tuple[int, int] | None:
    """Canvas size of a WebP file (RFC 9649), or None where the header is cut off or unknown."""
    kind, body = data[12:16], data[20:30]
    if len(body) < 10:
        return None
    if kind == b"VP8X":
        width, height = (int.from_bytes(body[at : at + 3], "little") + 1 for at in (4, 7))
        return width, height
    if kind == b"VP8L":
        bits = int.from_bytes(body[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", body, 6)
        return width & 0x3FFF, height & 0x3FFF
    return None
