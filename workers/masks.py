"""Masks as files: small palette PNGs whose pixel values are label numbers.

Written here, not by Pillow: one bit a pixel where there is one label, made from the mask's runs without unfolding them,
and each row as its difference from the row above, leave so little to compress that it takes a tenth of the time.
"""

from __future__ import annotations

import struct
import zlib

import numpy as np
import numpy.typing as npt

from models.errors import Corrupt
from models.photo import Limits, guarded, open_photo
from models.runs import Runs

Bytes = npt.NDArray[np.uint8]

# Label 0 is black; the others are told apart by eye when the PNG is opened in any viewer.
_COLOURS = (
    (0, 0, 0),
    (255, 255, 255),
    (230, 90, 60),
    (70, 150, 230),
    (90, 190, 90),
    (240, 190, 60),
    (160, 100, 210),
)
_PALETTE = bytes(value for colour in _COLOURS for value in colour).ljust(768, b"\xa0")
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PALETTE_COLOUR = 3
_NUMBERS = ("P", "L")  # Pillow's names of one byte a pixel
_UP = 2  # PNG's filter: a byte less the byte above it
_TOP = np.uint64(63)


def encode_mask(runs: Runs) -> bytes:
    """A PNG of a mask: pixel values stay label numbers, viewers show colours."""
    bits = 1 if int(runs.labels.max()) <= 1 else 8
    rows = _bits(runs) if bits == 1 else runs.mask()
    filtered = np.empty((runs.height, rows.shape[1] + 1), np.uint8)
    filtered[:, 0] = _UP
    filtered[0, 1:] = rows[0]
    np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])
    header = struct.pack(">IIBBBBB", runs.width, runs.height, bits, _PALETTE_COLOUR, 0, 0, 0)
    return b"".join(
        (
            _SIGNATURE,
            _chunk(b"IHDR", header),
            _chunk(b"PLTE", _PALETTE[: 3 << bits]),
            _chunk(b"IDAT", _deflated(filtered)),
            _chunk(b"IEND", b""),
        )
    )


def decode_mask(data: bytes, limits: Limits) -> Bytes:
    """The label numbers of a stored mask, uint8 (height, width). Raises PhotoError."""
    photo = open_photo(data, limits)
    if photo.image.mode not in _NUMBERS:
        raise Corrupt(f"the mask has pixels of the kind {photo.image.mode}, not the numbers of labels")
    return guarded(data, photo.format, lambda: np.array(photo.image, np.uint8))


def _bits(runs: Runs) -> Bytes:
    """Rows of one bit a pixel, as `np.packbits(mask, axis=1)`: changes are marked, then filled to the right.

    In words of 64 pixels, the leftmost in the highest bit.
    """
    words = (runs.width + 63) // 64
    rows = np.zeros((runs.height, words), np.uint64)
    begins = np.arange(runs.height) * runs.width
    before = np.searchsorted(runs.starts, begins, side="left") - 1  # the run that the row above ended in
    rows[:, 0] = np.where(before < 0, 0, runs.labels[before]).astype(np.uint64) << _TOP
    y, x = np.divmod(runs.starts, runs.width)
    change = np.uint64(1) << (63 - (x & 63)).astype(np.uint64)
    first = 0 if runs.labels[0] else 1  # a picture that begins with background begins with no change
    np.bitwise_xor.at(rows.reshape(-1), (y * words + (x >> 6))[first:], change[first:])
    for step in (1, 2, 4, 8, 16, 32):
        rows ^= rows >> np.uint64(step)
    odd = np.bitwise_xor.accumulate(rows & np.uint64(1), axis=1)
    rows[:, 1:] ^= -odd[:, :-1]
    rows[:, -1] &= np.uint64((1 << 64) - (1 << -runs.width % 64))  # bits behind the last pixel are left empty
    return rows.byteswap().view(np.uint8)[:, : (runs.width + 7) // 8]


def _deflated(filtered: Bytes) -> bytes:
    """Little but zeros: to look for repetitions of one byte is faster, and finds more, than to look for any."""
    deflate = zlib.compressobj(1, strategy=zlib.Z_RLE)
    return deflate.compress(filtered.data) + deflate.flush()


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
