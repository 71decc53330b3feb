"""Bytes that decoding a photo takes at its peak, from its header. Free of torch.

The figures are upper bounds of what was measured: pixels as Pillow keeps them, what the decoder keeps beside them,
and the pixels that are handed on. tests/models/test_cost.py measures again.
"""

from __future__ import annotations

from math import ceil
from typing import Any

from PIL import ImageFile

BAND_PIXELS = 1_000_000
"""Pixels that are made RGB at a time (`models/colour.py`)."""

_BAND_BYTES = 24
# Bytes a pixel beside Pillow's own: two canvases, what the decoder keeps, a copy on the way to Pillow.
_BESIDE = {"WEBP": 13, "AVIF": 12, "GIF": 1}
_OF_MODE = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16L": 2, "I;16B": 2, "I;16N": 2}
_BITS, _SAMPLES, _TURNED, _ROWS, _TILE_WIDTH, _TILE_LENGTH = 258, 277, 274, 278, 322, 323
RUN_LENGTHS = (1, 2)
"""How a BMP says that it is compressed."""


def memory(
    image: ImageFile.ImageFile, name: str, file_bytes: int, *, coefficients: int, handed_on: int
) -> int:
    """At the peak of decoding `image`, opened and perhaps scaled down, to RGB of `handed_on` pixels.

    What the decoder keeps, such as the `coefficients` of a JPEG in bytes, is free again when pixels are handed on.
    """
    pixels = image.size[0] * image.size[1]
    own = pixels * _OF_MODE.get(image.mode, 4)
    beside = coefficients + pixels * _BESIDE.get(name, 0)
    if name in ("WEBP", "AVIF"):
        beside += 2 * file_bytes
    elif name == "BMP" and image.info.get("compression") in RUN_LENGTHS:
        beside += 2 * pixels
    elif name == "GIF" and image.tile and image.tile[0].extents != (0, 0, *image.size):
        beside += 8 * pixels  # it is laid on a canvas
    elif name == "TIFF":
        beside += _of_tiff(getattr(image, "tag_v2", {}), image, own)
    return own + max(beside, 3 * handed_on) + _BAND_BYTES * min(pixels, BAND_PIXELS)


def _of_tiff(tags: Any, image: ImageFile.ImageFile, own: int) -> int:
    """A strip or tile, which libtiff decodes whole, and the photo once more where it is to be turned."""
    width, height = image.size
    across, down = _number(tags.get(_TILE_WIDTH), width), _number(tags.get(_TILE_LENGTH), 0)
    down = down or min(_number(tags.get(_ROWS), height), max(width, height))
    bits = _number(tags.get(_BITS), 1) * _number(tags.get(_SAMPLES), 1)
    piece = 0 if image.info.get("compression") == "raw" else ceil(across * down * bits / 8)
    # Of a JPEG within a TIFF the samples may be kept as coefficients besides, two bytes each.
    times = 3 if image.info.get("compression") == "jpeg" else 1
    return times * piece + (own if _number(tags.get(_TURNED), 1) > 1 else 0)


def _number(value: Any, otherwise: int) -> int:
    found = value[0] if isinstance(value, tuple) and value else value
    return found if isinstance(found, int) and found > 0 else otherwise
