"""Look at a photo's first bytes: its format, its size, whether it may be decoded at all. Free of torch.

The content decides, never the file's name. Only the formats in `FORMATS` are opened; all others are
refused before any decoder sees them. Nothing here decodes pixels.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from math import ceil
from typing import Literal, NamedTuple, TypeVar, get_args

from PIL import ImageFile, features

from models import exif, jpeg, tiff, webp
from models.cost import RUN_LENGTHS, memory
from models.errors import (
    Corrupt,
    EmptyFile,
    FormatRefused,
    NotAnImage,
    PhotoError,
    TooCostly,
    TooManyBytes,
    TooManyPixels,
    Truncated,
)
from models.metered import Metered


class Sides(NamedTuple):
    """Pixels that the shorter and the longer side of a photo should have at least."""

    short: int
    long: int

    def with_(self, other: Sides) -> Sides:
        """What suits both."""
        return Sides(max(self.short, other.short), max(self.long, other.long))

    def scale(self, width: int, height: int) -> float:
        """By how much a photo of this size may be scaled down: 1 for not at all."""
        return min(1.0, max(self.short / min(width, height), self.long / max(width, height)))


Format = Literal["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"]
T = TypeVar("T")
_FEWEST = Sides(1, 1)
_MOST_RUNS = 8_000_000  # pixels: Pillow unfolds them one by one, in Python
FORMATS: tuple[Format, ...] = get_args(Format)
LONGEST_SIDE = 65_535
"""Pixels: as JPEG has it. Of a photo that is a million pixels long and one wide, every row costs."""

_READERS: dict[Format, tuple[str, str]] = {
    # The plain JPEG class also reads MPO (several JPEGs in one file): it stops after the first.
    "JPEG": ("PIL.JpegImagePlugin", "JpegImageFile"),
    "PNG": ("PIL.PngImagePlugin", "PngImageFile"),
    "WEBP": ("PIL.WebPImagePlugin", "WebPImageFile"),
    "GIF": ("PIL.GifImagePlugin", "GifImageFile"),
    "BMP": ("PIL.BmpImagePlugin", "BmpImageFile"),
    "TIFF": ("PIL.TiffImagePlugin", "TiffImageFile"),
    "AVIF": ("PIL.AvifImagePlugin", "AvifImageFile"),
}
_MAGIC: tuple[tuple[re.Pattern[bytes], Format], ...] = (
    (re.compile(rb"\xff\xd8\xff"), "JPEG"),
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "PNG"),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), "WEBP"),
    (re.compile(rb"GIF8[79]a"), "GIF"),
    (re.compile(rb"BM.{12}[\x0c\x28\x38\x40\x6c\x7c]\0\0\0", re.DOTALL), "BMP"),
    (re.compile(rb"II[*+]\0|MM\0[*+]"), "TIFF"),
    (re.compile(rb"....ftypavi[fs]", re.DOTALL), "AVIF"),
)
# Pillow reads the EXIF of an AVIF with all that it holds; turns are said elsewhere in it (ISO 23008-12, 6.5.10).
_EXIF_OF_AVIF = re.compile(rb"(infe(?:\x02.{7}|\x03.{9}))Exif", re.DOTALL)
_REFUSED: tuple[tuple[re.Pattern[bytes], str], ...] = (
    (re.compile(rb"....ftyp(hei[cxms]|hev[cx]|mif1|msf1)", re.DOTALL), "HEIC"),
    (re.compile(rb"8BPS"), "Photoshop"),
    (re.compile(rb"%!PS|\xc5\xd0\xd3\xc6"), "PostScript"),
    (re.compile(rb"%PDF"), "PDF"),
    (re.compile(rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51"), "JPEG 2000"),
    (re.compile(rb"\xff\x0a|\0\0\0\x0cJXL "), "JPEG XL"),
    (re.compile(rb"\x00\x00\x01\x00"), "icon"),
    (re.compile(rb"\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)?(<!DOCTYPE svg[^>]*>\s*)?<svg", re.DOTALL), "SVG"),
)
# What comes under a photo's name, and is none.
_OTHER: tuple[tuple[re.Pattern[bytes], str], ...] = (
    (re.compile(rb"(?is)(\xef\xbb\xbf)?\s*(<!--.*?-->\s*)?<(!doctype html|html|head|body)"), "web page"),
    (re.compile(rb"PK\x03\x04"), "ZIP archive"),
)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a photo may cost. `max_pixels` is width times height, checked before any pixel is decoded.

    `memory` is what decoding may take, bytes: of one photo, and of all that a process decodes at once.
    """

    max_bytes: int = 50_000_000
    max_pixels: int = 64_000_000
    memory: int = 500_000_000


@dataclass(frozen=True, slots=True)
class PhotoInfo:
    """What the header says; width and height are as seen, after EXIF orientation."""

    format: Format
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Opened:
    """A photo that is opened and not decoded. `width` and `height` are as stored; `image` may be set to yield fewer.

    `memory` is what decoding it takes at its peak, bytes; `turn` is EXIF's number of how it is to be turned, 1 to 8.
    """

    image: ImageFile.ImageFile
    format: Format
    width: int
    height: int
    memory: int
    turn: int


def sniff(data: bytes) -> Format:
    """The format of the content. Raises EmptyFile, NotAnImage or FormatRefused."""
    if not data:
        raise EmptyFile("the file is empty (0 bytes)")
    head = data[:1024]
    for pattern, name in _MAGIC:
        if pattern.match(head):
            if name == "AVIF" and not features.check("avif"):
                raise FormatRefused("AVIF is not built into this Pillow; convert the photo to JPEG or PNG")
            return name
    for pattern, kind in _REFUSED:
        if pattern.match(head):
            raise FormatRefused(f"{kind} files are not accepted; convert the photo to JPEG, PNG or WebP")
    for pattern, kind in _OTHER:
        if pattern.match(head):
            raise NotAnImage(f"the content is a {kind}, whatever its name; take in the photo itself")
    raise NotAnImage("the content is not an image of a known format")


def inspect(data: bytes, limits: Limits | None = None) -> PhotoInfo:
    """Format and size from the header, without decoding. A file damaged later on still passes.

    Raises:
        PhotoError: one of its subclasses, each with a `code`.
    """
    photo = open_photo(data, limits or Limits(), _FEWEST)
    width, height = photo.width, photo.height
    if photo.turn >= 5:
        width, height = height, width
    return PhotoInfo(photo.format, width, height)


def open_photo(data: bytes, limits: Limits, sides: Sides | None = None) -> Opened:
    """The photo opened but not decoded, within `limits`; `sides` are what is needed of it. Raises as `inspect`."""
    if len(data) > limits.max_bytes:
        raise TooManyBytes(f"the file has {len(data):,} bytes; the limit is {limits.max_bytes:,}")
    name = sniff(data)
    coefficients = 0
    if name == "WEBP":
        # libwebp allocates the whole canvas as it opens the file, so its size is read before.
        _check_pixels(webp.canvas(data), limits)
    elif name == "TIFF":
        tiff.check_directory(data)
    elif name == "JPEG":
        coefficients = jpeg.look(data)
    elif name == "AVIF":
        data = _EXIF_OF_AVIF.sub(rb"\1none", data)
    image = guarded(data, name, lambda: _reader(name)(Metered(data), ""))
    _check_pixels(image.size, limits)
    width, height = image.size
    if name == "TIFF":
        tiff.check_compression(image.info.get("compression"))
    elif name == "BMP" and image.info.get("compression") in RUN_LENGTHS and width * height > _MOST_RUNS:
        raise TooCostly(f"{width} x {height} is too large for a BMP of run lengths; save it as PNG or JPEG")
    scale = 1.0 if sides is None else sides.scale(width, height)
    if scale < 1.0 and name == "JPEG":
        image.draft(None, (ceil(width * scale), ceil(height * scale)))
    handed_on = ceil(width * height / int(1 / scale) ** 2)
    needed = memory(image, name, len(data), coefficients=coefficients, handed_on=handed_on)
    if needed > limits.memory:
        raise TooCostly(
            f"decoding {width} x {height} pixels of this {name} takes {needed / 1e6:,.0f} MB of memory; "
            f"the limit is {limits.memory / 1e6:,.0f}"
        )
    return Opened(image, name, width, height, needed, exif.turn(data, name, image.info))


def guarded(data: bytes, name: Format, step: Callable[[], T]) -> T:
    """Run a step of a decoder; whatever it raises becomes a PhotoError.

    Decoders raise almost anything on bad bytes (OSError, SyntaxError, struct.error, ...), hence the wide net.
    """
    try:
        return step()
    except PhotoError:
        raise
    except MemoryError:
        raise TooManyPixels(f"the {name} needs more memory than there is") from None
    except Exception as error:  # noqa: BLE001
        if "DecompressionBomb" in type(error).__name__:
            raise TooManyPixels(f"the {name} has too many pixels: {error}") from None
        if "truncated" in str(error).lower() or isinstance(error, EOFError) or _cut_off(data, name):
            raise Truncated(f"the {name} ends too early, after {len(data):,} bytes") from None
        detail = " ".join(str(error).split())[:200] or type(error).__name__
        raise Corrupt(f"the {name} cannot be decoded: {detail}") from None


def _reader(name: Format) -> Callable[[Metered, str], ImageFile.ImageFile]:
    """Pillow's class for the format. Not `Image.open`: its check for bombs only warns."""
    module, reader = _READERS[name]
    found: Callable[[Metered, str], ImageFile.ImageFile] = getattr(import_module(module), reader)
    return found


def _check_pixels(size: tuple[int, int] | None, limits: Limits) -> None:
    if size is None:
        return
    width, height = size
    if width < 1 or height < 1:
        raise Corrupt(f"the photo says that it is {width} x {height} pixels")
    if max(width, height) > LONGEST_SIDE:
        raise TooManyPixels(
            f"the photo is {width} x {height} pixels; the limit of a side is {LONGEST_SIDE:,}"
        )
    if width * height > limits.max_pixels:
        count, limit = width * height / 1e6, limits.max_pixels / 1e6
        raise TooManyPixels(f"{width} x {height} is {count:,.1f} megapixels; the limit is {limit:,.1f}")


def _cut_off(data: bytes, name: Format) -> bool:
    """Whether the end of the file is missing, as far as its format tells."""
    match name:
        case "JPEG":
            return b"\xff\xd9" not in data[-64:]
        case "PNG":
            return b"IEND" not in data[-64:]
        case "WEBP":
            return int.from_bytes(data[4:8], "little") > len(data) - 8
        case "GIF":
            return not data.rstrip(b"\0").endswith(b";")
        case "BMP":
            return int.from_bytes(data[2:6], "little") > len(data)
        case _:
            return False
