"""Pictures of pages as data URIs: small, and none of them a link to anywhere.

Photos are decoded as workers do it: within limits, the right way up, and whatever a file holds it raises PhotoError.
"""

from __future__ import annotations

import base64
import io

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from models.decode import decode
from models.photo import Limits, Sides

BoolMask = npt.NDArray[np.bool_]
LabelMask = npt.NDArray[np.uint8]

_WEBP = {"format": "WEBP", "method": 4}
_TINT, _OPAQUE = 0.2, 1.0
_OUTLINE = 2  # pixels


def photo(data: bytes, longest: int, limits: Limits | None = None, *, lossless: bool = False) -> str:
    """A photo made smaller, `longest` pixels at most. Raises PhotoError."""
    pixels = decode(data, sides=Sides(1, longest), limits=limits).pixels
    return _webp(_shrunk(Image.fromarray(pixels), longest), quality=74, lossless=lossless)


def overlay(mask: BoolMask, colour: tuple[int, int, int], longest: int) -> str:
    """`mask` as a tint with an outline in one colour, all else transparent."""
    cover = _shrunk(Image.fromarray(mask.astype(np.uint8) * 255), longest)
    inner = cover.filter(ImageFilter.MinFilter(2 * _OUTLINE + 1))
    tint = np.asarray(cover, np.float32) * _OPAQUE - np.asarray(inner, np.float32) * (_OPAQUE - _TINT)
    picture = Image.new("RGBA", cover.size, (*colour, 0))
    picture.putalpha(Image.fromarray(tint.astype(np.uint8)))
    return _webp(picture, lossless=True)


def cutout(data: bytes, mask: BoolMask, longest: int) -> str:
    """The photo where `mask` is, all else transparent. Raises PhotoError."""
    cut = Image.fromarray(decode(data).pixels)
    cut.putalpha(Image.fromarray(mask.astype(np.uint8) * 255))
    return _webp(_shrunk(cut, longest), quality=74)


def _shrunk(picture: Image.Image, longest: int) -> Image.Image:
    factor = longest / max(picture.size)
    if factor >= 1:
        return picture
    size = (max(1, round(picture.width * factor)), max(1, round(picture.height * factor)))
    return picture.resize(size, Image.Resampling.LANCZOS)


def _webp(picture: Image.Image, **options: int | bool) -> str:
    buffer = io.BytesIO()
    picture.save(buffer, **_WEBP, **options)  # type: ignore[arg-type]
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
