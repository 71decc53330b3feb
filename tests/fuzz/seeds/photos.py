"""A small photo in every form that the formats have, one of some kilobytes in each format, and bombs."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from io import BytesIO

import numpy as np
from PIL import ExifTags, Image, ImageCms, features
from PIL.PngImagePlugin import PngInfo

from tests.fuzz.seeds.bombs import bombs

SMALL, LARGE = (24, 17), (320, 200)
TIFF_PACKINGS = ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg", "lzma", "zstd")


@cache
def photos() -> tuple[bytes, ...]:
    """All of them; the same each time."""
    return (*_jpegs(), *_pngs(), *_webps(), *_gifs(), *_bmps(), *_tiffs(), *_avifs(), *bombs())


def picture(size: tuple[int, int] = SMALL, mode: str = "RGB") -> Image.Image:
    """Smooth colours with some noise, half of it clear where the mode has alpha."""
    width, height = size
    down, across = np.mgrid[0:height, 0:width]
    noise = np.random.default_rng(0).integers(0, 40, (height, width))
    planes = [across * 255 // width, down * 255 // height, noise * 6, (across > width // 2) * 255]
    image = Image.fromarray(np.stack(planes, axis=-1).astype(np.uint8), "RGBA")
    if mode in ("LAB",):
        return (
            ImageCms.profileToProfile(
                image.convert("RGB"),
                ImageCms.createProfile("sRGB"),
                ImageCms.createProfile("LAB"),
                outputMode="LAB",
            )
            or image
        )
    if mode.startswith("I;16"):
        return Image.fromarray((across * 2000 + down).astype(np.uint16))
    return (
        image
        if mode == "RGBA"
        else image.convert("RGB").convert(mode)
        if mode != "LA"
        else image.convert("LA")
    )


def save(image: Image.Image, form: str, **options: object) -> bytes:
    file = BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def _exif(turn: int) -> Image.Exif:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = turn
    exif[0x010F] = "Maker"
    exif.get_ifd(0x8769)[0x9003] = "2026:11:29 00:00:00"
    return exif


def _profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def _jpegs() -> Iterator[bytes]:
    for mode in ("RGB", "L", "CMYK"):
        yield save(picture(mode=mode), "JPEG")
    yield save(picture(), "JPEG", progressive=True, optimize=True)
    yield save(picture(), "JPEG", subsampling=0, restart_marker_blocks=1)
    yield save(picture(), "JPEG", exif=_exif(6), icc_profile=_profile(), comment=b"text")
    yield save(picture(), "MPO", save_all=True, append_images=[picture()])
    yield save(picture(LARGE), "JPEG", quality=90)


def _pngs() -> Iterator[bytes]:
    for mode in ("RGB", "RGBA", "L", "LA", "1", "P", "I;16"):
        yield save(picture(mode=mode), "PNG")
    yield save(picture(mode="P"), "PNG", transparency=bytes(range(200)))
    yield save(picture(), "PNG", transparency=(1, 2, 3), icc_profile=_profile(), exif=_exif(8), dpi=(72, 72))
    text = PngInfo()
    text.add_text("Title", "words " * 20, zip=True)
    text.add_itxt("Comment", "words " * 20, "en", "Comment", zip=True)
    yield save(picture(), "PNG", pnginfo=text)
    yield save(picture(), "PNG", save_all=True, append_images=[picture(mode="L").convert("RGB")], duration=9)
    yield save(picture(LARGE, "P"), "PNG")


def _webps() -> Iterator[bytes]:
    yield save(picture(), "WEBP")
    yield save(picture(mode="RGBA"), "WEBP", exif=_exif(5), icc_profile=_profile(), xmp=b"<x/>")
    yield save(picture(mode="RGBA"), "WEBP", lossless=True)
    yield save(picture(mode="RGBA"), "WEBP", save_all=True, append_images=[picture()], duration=9)
    yield save(picture(LARGE), "WEBP", quality=80)


def _gifs() -> Iterator[bytes]:
    for mode in ("P", "L", "1"):
        yield save(picture(mode=mode), "GIF")
    yield save(picture(mode="P"), "GIF", transparency=3, interlace=1, comment=b"words")
    yield save(
        picture(mode="P"), "GIF", save_all=True, append_images=[picture(), picture(mode="L")], duration=9
    )
    yield save(picture(LARGE, "P"), "GIF")


def _bmps() -> Iterator[bytes]:
    for mode in ("RGB", "RGBA", "P", "L", "1"):
        yield save(picture(mode=mode), "BMP")
    plain = bytearray(save(picture(mode="L"), "BMP"))
    start = int.from_bytes(plain[10:14], "little")
    plain[30:34] = (1).to_bytes(
        4, "little"
    )  # run lengths of eight bits: pairs, ends of lines, a jump, the end
    yield bytes(plain[:start]) + b"\x08\x11\x10\x22\0\0\0\x04abcd\0\2\1\1\x05\x33\0\0" * 4 + b"\0\1"


def _tiffs() -> Iterator[bytes]:
    for mode in ("RGB", "RGBA", "L", "LA", "1", "P", "CMYK", "YCbCr", "LAB", "I;16", "I", "F"):
        yield save(picture(mode=mode), "TIFF")
    for packing in TIFF_PACKINGS:
        yield save(picture(), "TIFF", compression=packing)
    for packing in ("group3", "group4"):
        yield save(picture(mode="1"), "TIFF", compression=packing)
    yield save(picture(), "TIFF", save_all=True, append_images=[picture(mode="L")], exif=_exif(7))
    yield save(picture(), "TIFF", compression="tiff_lzw", tiffinfo={317: 2}, big_tiff=True)


def _avifs() -> Iterator[bytes]:
    if features.check("avif"):
        yield save(picture(), "AVIF", speed=10)
        yield save(picture(mode="RGBA"), "AVIF", speed=10, exif=_exif(3), icc_profile=_profile())
        yield save(
            picture(), "AVIF", speed=10, save_all=True, append_images=[picture(mode="L").convert("RGB")]
        )
