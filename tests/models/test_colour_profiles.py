"""Colour profiles, written here byte by byte: what a display shows and a printer prints becomes sRGB."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from models.decode import decode
from tests.models.test_costly import encode


def fixed(value: float) -> bytes:
    return struct.pack(">i", round(value * 65536))


def display_p3() -> bytes:
    """Apple's display profile: sRGB's curve, wider primaries (here adapted to D50)."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    primaries = {
        b"rXYZ": (0.51512, 0.24120, -0.00105),
        b"gXYZ": (0.29198, 0.69225, 0.04189),
        b"bXYZ": (0.15710, 0.06657, 0.78407),
    }
    for tag, xyz in primaries.items():
        at = struct.unpack_from(">I", data, data.index(tag, 128) + 4)[0]
        data[at + 8 : at + 20] = b"".join(map(fixed, xyz))
    return bytes(data).replace("sRGB".encode("utf-16-be"), "P3..".encode("utf-16-be"))


def p3_to_srgb(pixel: tuple[int, int, int]) -> np.ndarray:
    """By the definition, IEC 61966-2-1 for the curve."""
    value = np.array(pixel) / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    matrix = np.array([[1.2249, -0.2247, 0.0], [-0.0420, 1.0419, 0.0], [-0.0197, -0.0786, 1.0979]])
    moved = (matrix @ linear).clip(0, 1)
    return 255 * np.where(moved <= 0.0031308, 12.92 * moved, 1.055 * moved ** (1 / 2.4) - 0.055)


@pytest.mark.parametrize("pixel", [(180, 120, 90), (120, 160, 60), (90, 110, 200), (128, 128, 128)])
@pytest.mark.parametrize("form", ["PNG", "WEBP", "TIFF"])
def test_display_p3(pixel: tuple[int, int, int], form: str) -> None:
    options = {"lossless": True} if form == "WEBP" else {}
    data = encode(Image.new("RGB", (8, 8), pixel), form, icc_profile=display_p3(), **options)
    assert np.abs(decode(data).pixels[4, 4] - p3_to_srgb(pixel)).max() <= 2


def test_the_profile_is_kept_for_photos_with_transparency() -> None:
    image = Image.new("RGBA", (8, 8), (180, 120, 90, 255))
    pixels = decode(encode(image, "PNG", icc_profile=display_p3())).pixels
    assert np.abs(pixels[4, 4] - p3_to_srgb((180, 120, 90))).max() <= 2


@pytest.mark.parametrize("more", [b"mpet", bytes(5_000_000)], ids=["a program", "huge"])
def test_a_profile_that_could_take_its_time_is_passed_over(more: bytes) -> None:
    image = Image.new("RGB", (8, 8), (180, 120, 90))
    data = encode(image, "TIFF", icc_profile=display_p3() + more)
    assert decode(data).pixels[4, 4].tolist() == [180, 120, 90]


def gray_profile() -> bytes:
    return profile(
        b"GRAY", b"mntr", {b"wtpt": xyz_tag(0.9642, 1.0, 0.8249), b"kTRC": b"curv" + bytes(4) + bytes(4)}
    )


def cmyk_profile() -> bytes:
    """Paper and inks as simple as can be: each corner of the table is black but for no ink at all, which is white."""
    white, black = bytes((255, 128, 128)), bytes((0, 128, 128))
    table = white + black * 15
    lut = b"mft1" + bytes(4) + bytes((4, 3, 2, 0)) + b"".join(map(fixed, (1, 0, 0, 0, 1, 0, 0, 0, 1)))
    lut += bytes(range(256)) * 4 + table + bytes(range(256)) * 3
    return profile(b"CMYK", b"prtr", {b"wtpt": xyz_tag(0.9642, 1.0, 0.8249), b"A2B0": lut}, space=b"Lab ")


def xyz_tag(*values: float) -> bytes:
    return b"XYZ " + bytes(4) + b"".join(map(fixed, values))


def profile(colour: bytes, kind: bytes, tags: dict[bytes, bytes], space: bytes = b"XYZ ") -> bytes:
    """ICC.1:2010, section 7: a header of 128 bytes, a table, the tags."""
    table, body, start = b"", b"", 132 + 12 * len(tags)
    for name, data in tags.items():
        table += struct.pack(">4sII", name, start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    head = bytes(4) + bytes(4) + b"\x02\x40\0\0" + kind + colour + space + bytes(12) + b"acsp" + bytes(28)
    head += b"".join(map(fixed, (0.9642, 1.0, 0.8249))) + bytes(48)
    return struct.pack(">I", start + len(body)) + head[4:] + struct.pack(">I", len(tags)) + table + body


def test_a_gray_profile_leaves_gray_as_it_is() -> None:
    data = encode(Image.new("L", (8, 8), 90), "PNG", icc_profile=gray_profile())
    assert decode(data).pixels[4, 4].tolist() == [90, 90, 90]


def test_a_cmyk_profile_decides_what_inks_look_like() -> None:
    """By the profile half a coat of black is half as light as paper, in CIE L*; without it, half of 255."""
    image = Image.new("CMYK", (16, 16), (0, 0, 0, 128))
    plain = decode(encode(image, "TIFF")).pixels[8, 8]
    profiled = decode(encode(image, "TIFF", icc_profile=cmyk_profile())).pixels[8, 8]
    assert plain.tolist() == [127, 127, 127]
    assert np.abs(profiled.astype(int) - 119).max() <= 3  # L* 50 is 119 in sRGB
