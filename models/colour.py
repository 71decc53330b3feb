"""Every pixel mode of Pillow to plain 8-bit sRGB. Free of torch."""

from __future__ import annotations

from functools import lru_cache
from io import BytesIO

import numpy as np
from PIL import Image, ImageCms

from models.icc import tables_fit
from models.photo import Sides

_ALPHA = ("RGBA", "LA", "PA", "La", "RGBa")
_WIDE = ("I", "F", "I;16", "I;16L", "I;16B", "I;16N")


def to_rgb(image: Image.Image, sides: Sides | None = None) -> Image.Image:
    """`image` as RGB: transparency over white, 16-bit scaled and not clipped, colour profile to sRGB.

    With `sides`, an image at least twice as large is also shrunk by a whole factor, averaging the
    pixels, so that a large PNG does not stay in memory at full size.
    """
    profile = image.info.get("icc_profile")
    if image.mode in _WIDE:
        return _shrink(_narrow(image), sides).convert("RGB")
    if image.mode in _ALPHA or "transparency" in image.info:
        return _over_white(_profiled(_shrink(image.convert("RGBA"), sides), profile))
    if image.mode in ("1", "P", "HSV", "YCbCr"):
        return _profiled(_shrink(image.convert("RGB"), sides), profile)
    if image.mode == "LAB":
        return _lab(_shrink(image, sides))
    return _profiled(_shrink(image, sides), profile).convert("RGB")


def _shrink(image: Image.Image, sides: Sides | None) -> Image.Image:
    factor = 1 if sides is None else int(1 / sides.scale(*image.size))
    return image if factor < 2 else image.reduce(factor)


def _over_white(image: Image.Image) -> Image.Image:
    alpha = image.getchannel("A")
    if alpha.getextrema() == (255, 255):
        return image.convert("RGB")
    white = Image.new("RGB", image.size, (255, 255, 255))
    white.paste(image.convert("RGB"), mask=alpha)
    return white


def _narrow(image: Image.Image) -> Image.Image:
    """Gray of 16 or 32 bits or floating point to 8 bits.

    16 bits are scaled by their full range. The other two say nothing of theirs: integers are read as 8 or
    16 bits where they fit, floats as 0 to 1 or 0 to 255 where they fit, else from their smallest to their
    largest value.
    """
    values = np.nan_to_num(np.asarray(image).astype(np.float32), posinf=0.0, neginf=0.0)
    low, high = float(values.min()), float(values.max())
    if image.mode.startswith("I;16"):
        low, high = 0.0, 65535.0
    elif low >= 0.0:
        tops = (1.0, 255.0) if image.mode == "F" else (255.0, 65535.0)
        fitting = [top for top in tops if high <= top]
        if fitting:
            low, high = 0.0, fitting[0]
    values -= low
    values *= 255.0 / max(high - low, 1e-12)
    return Image.fromarray(np.rint(values).clip(0, 255).astype(np.uint8))


def _profiled(image: Image.Image, profile: bytes | None) -> Image.Image:
    """`image` in sRGB. A profile that is broken, or made for another mode, is passed over, as browsers do."""
    if not isinstance(profile, bytes) or not profile:
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
