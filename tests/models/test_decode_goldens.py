"""Rarer kinds of files, written here byte by byte where no library writes them: the pixels that must come out."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from models.decode import decode
from models.exif import ORIENTATION
from models.photo import Sides, inspect

COLOURS = np.array([[[200, 30, 30], [30, 160, 60]], [[40, 60, 190], [120, 120, 120]]], np.uint8)
SCENE = COLOURS.repeat(32, axis=0).repeat(32, axis=1)


def encode(image: Image.Image, form: str, **options: object) -> bytes:
    file = BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def spots(pixels: np.ndarray) -> np.ndarray:
    """The middles of the four quarters."""
    high, wide = pixels.shape[0] // 4, pixels.shape[1] // 4
    return pixels[high :: 2 * high, wide :: 2 * wide][:2, :2].astype(int)


def assert_scene(pixels: np.ndarray, tolerance: int) -> None:
    assert np.abs(spots(pixels) - COLOURS).max() <= tolerance, spots(pixels)


# --- JPEGs of four colours


def adobe_less(data: bytes) -> bytes:
    """Without the marker by which Adobe says how colours are kept."""
    at = data.index(b"\xff\xee\x00\x0eAdobe")
    return data[:at] + data[at + 16 :]


def cmyk() -> Image.Image:
    return Image.fromarray(SCENE).convert("CMYK")


def ycck() -> bytes:
    """As Photoshop writes it: cyan, magenta and yellow inverted, as luma and chroma, and black inverted."""
    inks = np.asarray(cmyk())
    luma = np.asarray(Image.fromarray(inks[..., :3]).convert("YCbCr"))
    kept = np.dstack((255 - luma, inks[..., 3]))  # Pillow inverts all four as it writes
    data = encode(Image.fromarray(kept, "CMYK"), "JPEG", quality=97, subsampling=0)
    at = data.index(b"Adobe") + 11
    return data[:at] + b"\x02" + data[at + 1 :]


def test_cmyk_with_and_without_adobes_marker() -> None:
    data = encode(cmyk(), "JPEG", quality=97, subsampling=0)
    assert b"Adobe" in data
    assert b"Adobe" not in adobe_less(data)
    for one in (data, adobe_less(data)):
        assert_scene(decode(one).pixels, 8)


def test_ycck() -> None:
    for sides in (None, Sides(16, 16)):
        assert_scene(decode(ycck(), sides=sides).pixels, 10)


# --- more than eight bits


def png16(colour: int, pixels: np.ndarray) -> bytes:
    """A PNG of 16 bits a sample, and `colour` as its header has it."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    height, width = pixels.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    head = struct.pack(">IIBBBBB", width, height, 16, colour, 0, 0, 0)
    parts = (chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def deep(pixels: np.ndarray) -> np.ndarray:
    return pixels.astype(np.uint16) * 257


def test_png_of_16_bits() -> None:
    opaque = np.full((*SCENE.shape[:2], 1), 255, np.uint8)
    gray = SCENE[..., :1]
    assert_scene(decode(png16(2, deep(SCENE))).pixels, 0)
    assert_scene(decode(png16(6, deep(np.dstack((SCENE, opaque))))).pixels, 0)
    assert np.array_equal(decode(png16(0, deep(gray))).pixels, gray.repeat(3, axis=2))
    assert np.array_equal(decode(png16(4, deep(np.dstack((gray, opaque))))).pixels, gray.repeat(3, axis=2))
    clear = decode(png16(6, deep(np.dstack((SCENE, opaque // 2))))).pixels
    assert np.abs(spots(clear) - (COLOURS * 127.0 + 255.0 * 128) / 255).max() <= 1


def test_tiff_of_16_bits_in_colour() -> None:
    height, width = SCENE.shape[:2]
    pixels = deep(SCENE).astype("<u2").tobytes()
    tags = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, 3, 8), (259, 3, 1, 1), (262, 3, 1, 2)]
    tags += [(273, 4, 1, 14), (277, 3, 1, 3), (278, 4, 1, height), (279, 4, 1, len(pixels))]
    directory = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags) + bytes(4)
    head = b"II*\0" + struct.pack("<I", 14 + len(pixels)) + struct.pack("<3H", 16, 16, 16)
    assert_scene(decode(head + pixels + directory).pixels, 0)


def test_large_photos_are_converted_in_bands_as_small_ones_are_at_once() -> None:
    """In a large photo each band must be what the whole would be, and the last one, which is not full, too."""
    rng = np.random.default_rng(2)
    alpha = rng.integers(0, 256, (1501, 1403, 4), dtype=np.uint8)
    wide = rng.integers(0, 65536, (1501, 1403), dtype=np.uint16)
    for sides in (None, Sides(300, 300)):
        factor = 1 if sides is None else 4
        found = decode(encode(Image.fromarray(alpha), "PNG"), sides=sides).pixels
        small = Image.fromarray(alpha).reduce(factor) if factor > 1 else Image.fromarray(alpha)
        flat = Image.new("RGB", small.size, "white")
        flat.paste(small.convert("RGB"), mask=small.getchannel("A"))
        assert np.array_equal(found, np.asarray(flat))
        found = decode(encode(Image.fromarray(wide), "PNG"), sides=sides).pixels[..., 0]
        eight = Image.fromarray(np.rint(wide / 257).astype(np.uint8))
        assert np.array_equal(found, np.asarray(eight.reduce(factor) if factor > 1 else eight))
    floats = rng.random((1501, 1403), dtype=np.float32)
    floats[1500, 0] = 200.0  # the last band alone says how bright white is
    assert decode(encode(Image.fromarray(floats), "TIFF")).pixels[:1500].max() <= 1


# --- pictures in part


def test_a_gif_whose_first_picture_covers_a_part_is_white_around_it() -> None:
    data = bytearray(encode(Image.new("RGB", (20, 10), (200, 30, 30)), "GIF"))
    data[6:10] = struct.pack("<HH", 40, 20)
    at = data.index(b",", 13 + 3 * 2 ** ((data[10] & 7) + 1))
    data[at + 1 : at + 5] = struct.pack("<HH", 10, 5)
    pixels = decode(bytes(data)).pixels
    assert pixels.shape == (20, 40, 3)
    assert pixels[5:15, 10:30].reshape(-1, 3).tolist() == [[200, 30, 30]] * 200
    pixels[5:15, 10:30] = 255
    assert pixels.min() == 255


def test_the_first_of_many_pictures_whatever_comes_after_it() -> None:
    """Later frames are cut, small, disposed of; or they are broken."""
    first = Image.fromarray(SCENE)
    later = [Image.new("RGB", first.size, "black"), Image.new("RGB", first.size, "white")] * 5
    gif = encode(first, "GIF", save_all=True, append_images=later, disposal=2, duration=10)
    apng = encode(first, "PNG", save_all=True, append_images=later, disposal=1, blend=0)
    webp = encode(first, "WEBP", save_all=True, append_images=later, lossless=True, duration=10)
    for data in (gif, apng, webp):
        assert_scene(decode(data).pixels, 2)
    assert_scene(decode(gif[:-1] + b"\x2c" + bytes(30)).pixels, 2)


def test_a_multi_page_tiff_is_its_first_page() -> None:
    data = encode(Image.fromarray(SCENE), "TIFF", save_all=True, append_images=[Image.new("1", (9, 9))])
    assert_scene(decode(data).pixels, 0)


# --- turns that are said elsewhere


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_the_turn_in_xmp_counts_where_exif_says_none(form: str) -> None:
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf tiff:Orientation="6"/></x:xmpmeta>'
    text = PngInfo()
    text.add_itxt("XML:com.adobe.xmp", xmp.decode())
    said = {"pnginfo": text} if form == "PNG" else {"xmp": xmp}
    assert inspect(encode(Image.new("RGB", (40, 20)), form, **said)).width == 20
    exif = Image.Exif()
    exif[ORIENTATION] = 1
    assert inspect(encode(Image.new("RGB", (40, 20)), form, exif=exif, **said)).width == 40
