"""Odd and broken files by seed: every format that is taken or refused, hurt in every way people have seen."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from PIL import Image

from tests.acceptance.hurting import HURTS, picture, save, whole_files
from tests.models.test_costly import COSTLY, app, jpeg_of, png, webp_canvas

_SHOWN_BY_HEADER = (
    "empty_file",
    "not_an_image",
    "format_refused",
    "too_many_bytes",
    "too_many_pixels",
    "too_costly",
)
BROKEN = frozenset((*_SHOWN_BY_HEADER, "truncated", "corrupt"))
"""What may become of a file that was hurt blindly, if it is not processed."""
REFUSED = ("format_refused", "not_an_image")
DONE = ""


@dataclass(frozen=True, slots=True)
class Odd:
    """A file, and the codes that it may end with; DONE where it may be processed."""

    name: str
    data: bytes
    may: frozenset[str]


def oddities(seed: int, count: int, *, large: bool) -> Iterator[Odd]:
    """`count` files: those made by hand once each, with `large` those that take time, too; the rest hurt by chance."""
    random = Random(seed)
    handmade = [*by_hand(random), *(_large() if large else ())]
    yield from handmade
    kinds = whole_files(random)
    for n in range(count - len(handmade)):
        kind = random.choice(list(kinds))
        hurt, how = random.choice(HURTS)
        data = how(kinds[kind](), random)
        ending = random.choice(("jpg", "png", "webp", "gif", "bmp", "tif", "jpeg"))  # which says nothing
        may = frozenset({DONE}) if hurt in ("whole", "polyglot") else BROKEN | {DONE}
        yield Odd(f"{n:05d}-{kind}-{hurt}.{ending}", data, may)


def by_hand(random: Random) -> Iterator[Odd]:
    """One of each that chance would not find."""
    for name, (make, code) in COSTLY.items():
        yield odd(name, make(), code)
    yield odd("empty", b"", "empty_file")
    for name, data in _NO_PHOTOS.items():
        yield odd(name, data, *REFUSED)
    yield odd("noise", random.randbytes(50_000), "not_an_image")
    yield odd("zeros", bytes(100_000), "not_an_image")
    yield odd("too long", save(picture(random), "PNG") + bytes(51_000_000), "too_many_bytes")
    yield from _absurd(random)
    yield from _metadata(random)
    two = save(Image.new("P", (8, 8), 1), "GIF", save_all=True, append_images=[Image.new("P", (8, 8), 2)])
    last = two[two.rindex(b",\0\0\0\0") : -1]
    yield odd("gif of 10,000 frames", two[:-1] + last * 9_998 + b";", DONE)


def odd(name: str, data: bytes, *may: str) -> Odd:
    return Odd(f"{name.replace(' ', '-').replace(',', '')}.jpg", data, frozenset(may))


_NO_PHOTOS = {
    "page": b"<!DOCTYPE html><html><body><h1>404 Not Found</h1></body></html>",
    "text": b"see attachment\n" * 100,
    "pdf": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n" + bytes(500),
    "zip": b"PK\x03\x04\x14\0\0\0\x08\0" + bytes(500),
    "svg": b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
    "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n(/etc/passwd) (r) file\n",
    "heic": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(300),
    "psd": b"8BPS\0\x01" + bytes(300),
    "jpeg 2000": b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(300),
    "jpeg xl": b"\xff\x0a" + bytes(300),
    "icon": b"\0\0\x01\0\x01\0\x10\x10" + bytes(300),
    "ppm": b"P6 60000 60000 255\n" + bytes(300),
    "gzip": b"\x1f\x8b\x08\0" + bytes(300),
    "elf": b"\x7fELF\x02\x01\x01" + bytes(300),
    "pickle": b"\x80\x04cos\nsystem\n(S'true'\ntR.",
}


def _absurd(random: Random) -> Iterator[Odd]:
    """Sizes that nothing has."""
    for side in (30_000, 65_535, 2**31 - 1):
        head = struct.pack(">IIBBBBB", side, side, 8, 6, 0, 0, 0)
        chunk = struct.pack(">I", 13) + b"IHDR" + head + struct.pack(">I", zlib.crc32(b"IHDR" + head))
        yield odd(f"png of {side}", b"\x89PNG\r\n\x1a\n" + chunk + png(8, 8)[33:], "too_many_pixels")
    jpeg = save(picture(random), "JPEG")
    at = jpeg.index(b"\xff\xc0") + 5
    yield odd("jpeg of 65500", jpeg[:at] + b"\xff\xdc\xff\xdc" + jpeg[at + 4 :], "too_many_pixels")
    gif = save(picture(random), "GIF")
    yield odd("gif of 65535", gif[:6] + b"\xff\xff\xff\xff" + gif[10:], "too_many_pixels")
    bmp = save(picture(random), "BMP")
    for width, height in ((2**31 - 1, 1), (-1, 50), (60_000, -60_000), (0, 0)):
        made = bmp[:18] + struct.pack("<ii", width, height) + bmp[26:]
        yield odd(f"bmp of {width} x {height}", made, "too_many_pixels", "corrupt", "truncated")
    yield odd("webp of 16384", webp_canvas(16_384, 16_384), "too_many_pixels")
    for width, height in (
        (65_535, 1),
        (1, 65_535),
        (65_535, 200),
        (200, 65_535),
        (40_000, 1_600),
        (1_600, 40_000),
    ):
        yield odd(f"png of {width} x {height}", png(width, height), DONE)


def _large() -> Iterator[Odd]:
    """As large as may be, in few bytes; several, as they come together."""
    black = Image.new("RGB", (8_000, 8_000))
    for n in range(6):
        yield odd(f"png of 64 megapixels {n}", png(8_000, 8_000 - n), DONE)
    for n, mode in enumerate(("RGB", "RGBA", "LA", "L")):
        size = (8_000, 7_990 - n)
        yield odd(f"png of 64 megapixels {mode}", save(Image.new(mode, size), "PNG", compress_level=1), DONE)
    for n in range(3):
        part = black.crop((0, 0, 8_000, 7_999 - n))
        yield odd(f"jpeg of 64 megapixels {n}", save(part, "JPEG", progressive=True), DONE)
    yield odd("gif of 64 megapixels", save(black.convert("L"), "GIF"), DONE)
    yield odd("tiff of 64 megapixels", save(black, "TIFF", compression="tiff_lzw"), DONE)
    yield odd("webp of 27 megapixels", save(black.crop((0, 0, 5_200, 5_200)), "WEBP", method=0), DONE)
    yield odd("webp of 64 megapixels", save(black, "WEBP", method=0), "too_costly")


def _metadata(random: Random) -> Iterator[Odd]:
    photo = picture(random)
    exif = Image.Exif()
    exif[0x010E] = "x" * 60_000
    yield odd("jpeg of much exif", save(photo, "JPEG", exif=exif), DONE)
    yield odd("jpeg of 200 segments", jpeg_of(*[app(1, b"Exif\0\0" + random.randbytes(60_000))] * 200), DONE)
    yield odd(
        "png of a profile that is none", save(photo, "PNG", icc_profile=random.randbytes(100_000)), DONE
    )
    yield odd("tiff of a large profile", save(photo, "TIFF", icc_profile=bytes(20_000_000)), DONE)
    texts = b"".join(_text(n) for n in range(50))
    made = save(photo, "PNG")
    yield odd("png of 50 inflated texts", made[:33] + texts + made[33:], DONE, "corrupt")
    chunks = [struct.pack(">I", 0) + b"quIz" + struct.pack(">I", zlib.crc32(b"quIz"))] * 20_000
    yield odd("png of 20,000 chunks", png(8, 8, *chunks), DONE)


def _text(number: int) -> bytes:
    """A zTXt of a megabyte, in a thousand bytes."""
    body = b"zTXt" + f"text {number}".encode() + b"\0\0" + zlib.compress(bytes(1_000_000), 9)
    return struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
