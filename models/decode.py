"""Bytes in, RGB pixels out, the right way up. Free of torch and safe to call from many threads."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFile

from models.colour import to_rgb
from models.photo import Format, Limits, Sides, guarded, open_photo, orientation

Pixels = npt.NDArray[np.uint8]

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True, slots=True)
class Photo:
    """A decoded photo.

    `pixels` is uint8 RGB of shape (h, w, 3). `width` and `height` are the original photo's after EXIF
    orientation; `pixels` may be smaller, with the same aspect.
    """

    pixels: Pixels
    width: int
    height: int

    def __post_init__(self) -> None:
        shape = self.pixels.shape
        if self.pixels.dtype != np.uint8 or len(shape) != 3 or shape[2] != 3 or 0 in shape:
            raise ValueError(f"pixels must be uint8 of shape (h, w, 3), not {self.pixels.dtype} {shape}")
        if self.width < 1 or self.height < 1:
            raise ValueError(f"a photo has at least one pixel, not {self.width} x {self.height}")


def decode(data: bytes, *, sides: Sides | None = None, limits: Limits | None = None) -> Photo:
    """The photo in `data`.

    With `sides` the pixels may come scaled down, which is faster and lighter; their sides are then still at least
    as long as asked, or as the original's. Transparency is laid over white; colour profiles are
    converted to sRGB. Of animations and multi-page files the first picture counts.

    Raises:
        PhotoError: EmptyFile, NotAnImage, FormatRefused, TooManyBytes, TooManyPixels, Truncated or Corrupt.
    """
    image, name = open_photo(data, limits or Limits())
    return guarded(data, name, lambda: _decode(image, name, sides))


def _decode(image: ImageFile.ImageFile, name: Format, sides: Sides | None) -> Photo:
    width, height = image.size
    if sides is not None and name == "JPEG":
        scale = sides.scale(width, height)
        image.draft(None, (ceil(width * scale), ceil(height * scale)))
    image.load()
    # After loading: in a PNG the EXIF block may stand behind the pixels. Pillow turns a TIFF itself.
    turn = 1 if name == "TIFF" else orientation(image)
    if name == "TIFF":
        width, height = image.size
    flat = to_rgb(image, sides)
    if turn in _TURNS:
        flat = flat.transpose(_TURNS[turn])
    if turn >= 5:
        width, height = height, width
    return Photo(np.array(flat), width, height)
