"""Pictures for pages from stored bytes: scaled down, without metadata, decoded within limits."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from models.decode import decode
from models.photo import Limits, Sides
from workers.web.photos.colours import colour

LabelMask = npt.NDArray[np.uint8]

_TINT = 40  # of 255: the colours of the photo stay what they are
_OUTLINE = 5  # pixels, odd
_LARGEST_JPEG = 65_500  # pixels of a side


def thumbnail(data: bytes, side: int, limits: Limits) -> bytes:
    """A WebP, its longer side `side` pixels at most. Raises PhotoError."""
    return _webp(_photo(data, side, limits), quality=78)


def whole(data: bytes, limits: Limits) -> bytes:
    """A JPEG of as many pixels as the photo has. Raises PhotoError."""
    made = io.BytesIO()
    _photo(data, _LARGEST_JPEG, limits).save(made, "JPEG", quality=90)
    return made.getvalue()


def cutout(data: bytes, mask: LabelMask, side: int, limits: Limits) -> bytes:
    """A WebP that shows what has a label in `mask`, and nothing of the rest. Raises PhotoError."""
    photo = _photo(data, side, limits)
    cover = Image.fromarray((mask > 0).astype(np.uint8) * 255)
    photo.putalpha(cover.resize(photo.size, Image.Resampling.BOX))
    return _webp(photo, quality=80)


def overlay(mask: LabelMask, side: int) -> bytes:
    """A PNG to lay over the photo: each label outlined in its `colour` and faintly tinted, all else clear.

    Its longer side is `side`, or the largest multiple of the mask's that fits.
    """
    labels = np.asarray(_shrunk(_enlarged(Image.fromarray(mask), side), side, Image.Resampling.NEAREST))
    picture = np.zeros((*labels.shape, 4), np.uint8)
    for number in np.unique(labels[labels > 0]):
        cover = Image.fromarray((labels == number).astype(np.uint8) * 255)
        inner = np.asarray(cover.filter(ImageFilter.MinFilter(_OUTLINE))) > 0
        here = labels == number
        picture[here] = (*colour(int(number)), 255)
        picture[here & inner, 3] = _TINT
    made = io.BytesIO()
    Image.fromarray(picture).save(made, "PNG", compress_level=6)
    return made.getvalue()


def placeholder(side: int = 320) -> bytes:
    """A PNG in place of a photo that is gone: a frame, crossed."""
    cells = np.zeros((side, side), np.uint8)
    along = np.arange(side)
    for shift in (-1, 0, 1):
        cells[along, np.clip(along + shift, 0, side - 1)] = 90
        cells[along, np.clip(side - 1 - along + shift, 0, side - 1)] = 90
    cells[[0, 1, -1, -2], :] = cells[:, [0, 1, -1, -2]] = 90
    grey = np.full((side, side), 128, np.uint8)
    made = io.BytesIO()
    Image.fromarray(np.dstack((grey, cells))).save(made, "PNG")
    return made.getvalue()


def _photo(data: bytes, side: int, limits: Limits) -> Image.Image:
    pixels = decode(data, sides=Sides(1, side), limits=limits).pixels
    return _shrunk(Image.fromarray(pixels), side, Image.Resampling.LANCZOS)


def _shrunk(picture: Image.Image, side: int, how: Image.Resampling) -> Image.Image:
    factor = side / max(picture.size)
    if factor >= 1:
        return picture
    size = (max(1, round(picture.width * factor)), max(1, round(picture.height * factor)))
    return picture.resize(size, how)


def _enlarged(mask: Image.Image, side: int) -> Image.Image:
    """By a whole number, so that the outline of a small mask is thin and its edge stays where it is."""
    factor = max(1, side // max(mask.size))
    return mask.resize((mask.width * factor, mask.height * factor), Image.Resampling.NEAREST)


def _webp(picture: Image.Image, quality: int) -> bytes:
    made = io.BytesIO()
    picture.save(made, "WEBP", method=4, quality=quality)
    return made.getvalue()
