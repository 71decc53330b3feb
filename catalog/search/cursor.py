"""`after`: where the next page begins. It holds the order that was found, so that no page shows a product twice."""

from __future__ import annotations

import base64
import binascii
import hashlib
import math
import struct
import zlib
from collections.abc import Sequence

from catalog.errors import BadCursor, BadQuery

LARGEST_ID = 2**63 - 1
LARGEST_PAGE = 200
_LONGEST = 6000
_ENTRY = struct.Struct(">qf")

Ranked = tuple[int, float]
"""A product's id and its score."""


def check_size(size: int) -> None:
    """Raises BadQuery."""
    if not 1 <= size <= LARGEST_PAGE:
        raise BadQuery(f"a page of {size} hits was asked for; ask for 1 to {LARGEST_PAGE}")


def mark(*asked: object) -> bytes:
    """Four bytes of what was asked: an `after` belongs to its question."""
    return hashlib.sha256(repr(asked).encode("utf-8", "replace")).digest()[:4]


def write(question: bytes, left: Sequence[Ranked]) -> str:
    """What is left of the order, best first, as text that fits into a URL."""
    body = question + b"".join(_ENTRY.pack(product_id, score) for product_id, score in left)
    data = zlib.compress(body, 6)
    return base64.urlsafe_b64encode(struct.pack(">I", zlib.crc32(data)) + data).rstrip(b"=").decode()


def read(question: bytes, after: str) -> list[Ranked]:
    """What `write` was given for the same question. Raises BadCursor."""
    try:
        if len(after) > _LONGEST:
            raise ValueError("too long")
        data = base64.b64decode(after + "=" * (-len(after) % 4), altchars=b"-_", validate=True)
        if struct.unpack(">I", data[:4])[0] != zlib.crc32(data[4:]):
            raise ValueError("altered")
        unpacking = zlib.decompressobj()
        body = unpacking.decompress(data[4:], 4 + _ENTRY.size * 1000)
        if body[:4] != question or unpacking.unconsumed_tail:
            raise ValueError("of another question")
        found = [(product_id, float(score)) for product_id, score in _ENTRY.iter_unpack(body[4:])]
        if not all(math.isfinite(score) for _, score in found):
            raise ValueError("no score")
    except (ValueError, struct.error, zlib.error, binascii.Error):
        raise BadCursor(
            "`after` does not belong to this search: take the one that its last page gave"
        ) from None
    return found
