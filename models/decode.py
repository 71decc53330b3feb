"""Bytes in, RGB pixels out, the right way up. Free of torch and safe to call from many threads."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np
from PIL import Image

from models.budget import Budget
from models.colour import Pixels, to_rgb
from models.errors import Corrupt
from models.photo import Limits, Opened, Sides, guarded, open_photo


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


def decode(
    data: bytes, *, sides: Sides | None = None, limits: Limits | None = None, memory: Budget | None = None
) -> Photo:
    """The photo in `data`.

    With `sides` the pixels may come scaled down, which is faster and lighter; their sides are then still at least
    as long as asked, or as the original's. Transparency is laid over white; colour profiles are
    converted to sRGB. Of animations and multi-page files the first picture counts.

    Threads that share `memory` wait for each other where their photos would not fit into it together.

    Raises:
        PhotoError: EmptyFile, NotAnImage, FormatRefused, TooManyBytes, TooManyPixels, TooCostly, Truncated or Corrupt.
    """
    photo = open_photo(data, limits or Limits(), sides)
    with memory.hold(photo.memory) if memory else nullcontext():
        try:
            return guarded(data, photo.format, lambda: _decode(photo, sides))
        finally:
            photo.image.close()  # its pixels are free before others may take their place


def _decode(photo: Opened, sides: Sides | None) -> Photo:
    image, width, height = photo.image, photo.width, photo.height
    box = image.tile[0].extents if photo.format == "GIF" and image.tile else None
    image.load()
    if image.im.mode != image.mode:  # a second header in a PNG, say
        raise Corrupt(f"the {photo.format} contradicts itself: its pixels are of another kind than it says")
    if photo.format == "TIFF":
        width, height = image.size  # Pillow has turned it
    whole = image if box in (None, (0, 0, width, height)) else _on_canvas(image, box)
    pixels = _turned(to_rgb(whole, sides), photo.turn)
    return Photo(pixels, height, width) if photo.turn >= 5 else Photo(pixels, width, height)


def _on_canvas(image: Image.Image, box: tuple[int, int, int, int]) -> Image.Image:
    """The first picture of a GIF may cover a part of it; the rest is transparent, as browsers have it."""
    canvas = Image.new("RGBA", image.size)
    canvas.paste(image.crop(box).convert("RGBA"), box)
    return canvas


def _turned(pixels: Pixels, turn: int) -> Pixels:
    """Upright, by EXIF's number of the turn."""
    if turn == 1:
        return pixels
    if turn in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if turn in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if turn in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)
