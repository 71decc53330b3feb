"""Masks as files: small palette PNGs whose pixel values are label numbers."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
from PIL import Image

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


def encode_mask(mask: npt.NDArray[np.uint8]) -> bytes:
    """A PNG of `mask`, uint8 (height, width): pixel values stay label numbers, viewers show colours."""
    image = Image.fromarray(mask)
    image.putpalette(_PALETTE)
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", compress_level=1)
    return buffer.getvalue()
