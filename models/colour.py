"""Every pixel mode of Pillow to plain 8-bit sRGB. Free of torch."""

from __future__ import annotations

from functools import lru_cache
from io import BytesIO

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms

from models.cost import BAND_PIXELS
from models.icc import tables_fit
from models.photo import Sides

Pixels = npt.NDArray[np.uint8]

_FULL = (0.0, 65535.0)
_PROFILE_BYTES = 4_000_000
_ALPHA = ("RGBA", "LA", "PA", "La", "RGBa")
_WIDE = ("I", "F", "I;16", "I;16L", "I;16B", "I;16N")


def to_rgb(image: Image.Image, sides: Sides | None = None) -> Pixels:
    """The pixels of `image`, (h, w, 3): transparency over white, 16-bit scaled and not clipped, profile to sRGB.

    With `sides`, an image at least twice as large is also shrunk by a whole factor, averaging the pixels. A large one
    is converted in bands, so that beside it and what is handed on little is in memory.
    """
    factor = 1 if sides is None else int(1 / sides.scale(*image.size))
    tones = _tones(image) if image.mode in _WIDE else _FULL
    rows = max(1, BAND_PIXELS // image.width // factor) * factor
    if rows >= image.height:
        return np.array(_converted(image, factor, tones))
    pixels = np.empty((-(-image.height // factor), -(-image.width // factor), 3), np.uint8)
    for top in range(0, image.height, rows):
        band = np.asarray(_converted(_band(image, top, rows), factor, tones))
        pixels[top // factor : top // factor + len(band)] = band
    return pixels


def _band(image: Image.Image, top: int, rows: int) -> Image.Image:
    return image.crop((0, top, image.width, min(top + rows, image.height)))


def _converted(image: Image.Image, factor: int, tones: tuple[float, float]) -> Image.Image:
    """In RGB, shrunk by `factor`."""

    def shrunk(picture: Image.Image) -> Image.Image:
        return picture if factor < 2 else picture.reduce(factor)

    profile = image.info.get("icc_profile")
    if image.mode in _WIDE:
        return shrunk(_narrow(image, *tones)).convert("RGB")
    if image.mode in _ALPHA or "transparency" in image.info:
        return _over_white(_profiled(shrunk(image.convert("RGBA")), profile))
    if image.mode in ("1", "P", "HSV", "YCbCr"):
        return _profiled(shrunk(image.convert("RGB")), profile)
    if image.mode == "LAB":
        return _lab(shrunk(image))
    return _profiled(shrunk(image), profile).convert("RGB")


def _over_white(image: Image.Image) -> Image.Image:
    alpha = image.getchannel("A")
    if alpha.getextrema() == (255, 255):
        return image.convert("RGB")
    white = Image.new("RGB", image.size, (255, 255, 255))
    white.paste(image.convert("RGB"), mask=alpha)
    return white


def _tones(image: Image.Image) -> tuple[float, float]:
    """What is black and what is white in gray of 16 or 32 bits, or floating point.

    16 bits have their full range. The other two say nothing of theirs: integers are read as 8 or
    16 bits where they fit, floats as 0 to 1 or 0 to 255 where they fit, else from their smallest to their
    largest value.
    """
    if image.mode.startswith("I;16"):
        return _FULL
    rows = max(1, BAND_PIXELS // image.width)
    low, high = np.inf, -np.inf
    for top in range(0, image.height, rows):
        values = _values(_band(image, top, rows))
        low, high = min(low, float(values.min())), max(high, float(values.max()))
    if low >= 0.0:
        tops = (1.0, 255.0) if image.mode == "F" else (255.0, 65535.0)
        fitting = [top for top in tops if high <= top]
        if fitting:
            return 0.0, fitting[0]
    return low, high


def _narrow(image: Image.Image, low: float, high: float) -> Image.Image:
    """To 8 bits."""
    values = _values(image)
    values -= low
    values *= 255.0 / max(high - low, 1e-12)
    return Image.fromarray(np.rint(values).clip(0, 255).astype(np.uint8))


def _values(image: Image.Image) -> npt.NDArray[np.float32]:
    return np.nan_to_num(np.asarray(image).astype(np.float32), posinf=0.0, neginf=0.0)


def _profiled(image: Image.Image, profile: bytes | None) -> Image.Image:
    """`image` in sRGB. A profile that is broken, or made for another mode, is passed over, as browsers do.

    So is one that is larger than any a camera or printer has, or is a program: it could take its time.
    """
    if not isinstance(profile, bytes) or not 0 < len(profile) <= _PROFILE_BYTES or b"mpet" in profile:
        return image
    try:
        transform = _transform(profile, image.mode)
        if transform is None:
            return image
        moved = ImageCms.applyTransform(image, transform)
    except (ImageCms.PyCMSError, ValueError, OSError):
        return image
    return image if moved is None else moved


@lru_cache(maxsize=32)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """From the profile to sRGB; None where it is sRGB already, or lies. Cached: a catalog has few profiles."""
    if mode == "L":  # a gray profile moves tones a little; it is not worth its cost
        return None
    if not tables_fit(profile):
        return None
    source = ImageCms.ImageCmsProfile(BytesIO(profile))
    if mode in ("RGB", "RGBA") and "srgb" in ImageCms.getProfileDescription(source).lower():
        return None
    target = mode if mode == "RGBA" else "RGB"
    return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, target)


def _lab(image: Image.Image) -> Image.Image:
    moved = ImageCms.profileToProfile(
        image, ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), outputMode="RGB"
    )
    if moved is None:
        raise ValueError("no conversion from LAB")
    return moved
