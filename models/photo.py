"""Look at a photo's first bytes: its format, its size, whether it may be decoded at all. Free of torch.

The content decides, never the file's name. Only the formats in `FORMATS` are opened; all others are
refused before any decoder sees them. Nothing here decodes pixels.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from io import BytesIO
from typing import Literal, NamedTuple, TypeVar, get_args

from PIL import ImageFile, features

from models.errors import (
    Corrupt,
    EmptyFile,
    FormatRefused,
    NotAnImage,
    PhotoError,
    TooManyBytes,
    TooManyPixels,
    Truncated,
)


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
FORMATS: tuple[Format, ...] = get_args(Format)
ORIENTATION = 0x0112

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


@dataclass(frozen=True, slots=True)
class Limits:
    """What a photo may cost. `max_pixels` is width times height, checked before any pixel is decoded."""

    max_bytes: int = 50_000_000
    max_pixels: int = 64_000_000


@dataclass(frozen=True, slots=True)
class PhotoInfo:
    """What the header says; width and height are as seen, after EXIF orientation."""

    format: Format
    width: int
    height: int


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
    raise NotAnImage("the content is not an image of a known format")


def inspect(data: bytes, limits: Limits | None = None) -> PhotoInfo:
    """Format and size from the header, without decoding. A file damaged later on still passes.

    Raises:
        PhotoError: one of its subclasses, each with a `code`.
    """
    image, name = open_photo(data, limits or Limits())
    width, height = image.size
    # Pillow has already swapped the sides of a TIFF.
    if name != "TIFF" and orientation(image) >= 5:
        width, height = height, width
    return PhotoInfo(name, width, height)


def open_photo(data: bytes, limits: Limits) -> tuple[ImageFile.ImageFile, Format]:
    """The photo opened but not decoded, within `limits`, and its format. Raises as `inspect`."""
    if len(data) > limits.max_bytes:
        raise TooManyBytes(f"the file has {len(data):,} bytes; the limit is {limits.max_bytes:,}")
    name = sniff(data)
    if name == "WEBP":
        # libwebp allocates the whole canvas as it opens the file, so its size is read before.
        _check_pixels(_webp_size(data), limits)
    image = guarded(data, name, lambda: _reader(name)(BytesIO(data), ""))
    _check_pixels(image.size, limits)
    return image, name


def orientation(image: ImageFile.ImageFile) -> int:
    """EXIF orientation, 1 to 8. Broken EXIF counts as 1: it does not make the pixels unusable."""
    try:
        value = image.getexif().get(ORIENTATION, 1)
    except Exception:  # noqa: BLE001
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


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


def _reader(name: Format) -> Callable[[BytesIO, str], ImageFile.ImageFile]:
    """Pillow's class for the format. Not `Image.open`: its check for bombs only warns."""
    module, reader = _READERS[name]
    found: Callable[[BytesIO, str], ImageFile.ImageFile] = getattr(import_module(module), reader)
    return found


def _check_pixels(size: tuple[int, int] | None, limits: Limits) -> None:
    if size is None:
        return
    width, height = size
    if width < 1 or height < 1:
        raise Corrupt(f"the photo says that it is {width} x {height} pixels")
    if width * height > limits.max_pixels:
        count, limit = width * height / 1e6, limits.max_pixels / 1e6
        raise TooManyPixels(f"{width} x {height} is {count:,.1f} megapixels; the limit is {limit:,.1f}")


def _webp_size(data: bytes) -> tuple[int, int] | None:
    """Canvas size of a WebP file (RFC 9649), or None where the header is cut off or unknown."""
    kind, body = data[12:16], data[20:30]
    if len(body) < 10:
        return None
    if kind == b"VP8X":
        width, height = (int.from_bytes(body[at : at + 3], "little") + 1 for at in (4, 7))
        return width, height
    if kind == b"VP8L":
        bits = int.from_bytes(body[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", body, 6)
        return width & 0x3FFF, height & 0x3FFF
    return None


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
