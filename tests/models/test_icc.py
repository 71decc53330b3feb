"""Profiles that claim more than they hold are told before LittleCMS takes memory for it."""

from __future__ import annotations

import struct
from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageCms

from models.decode import decode
from models.icc import tables_fit

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def profile(tag: bytes) -> bytes:
    """A profile with one tag."""
    return SRGB[:128] + struct.pack(">I4sII", 1, b"A2B0", 144, len(tag)) + tag


def grid(kind: bytes, sides: int, length: int, entries: int) -> bytes:
    """A table from `sides` colours to three, with `length` steps a side, that holds so many entries."""
    return kind + struct.pack(">4xBBBx", sides, 3, length) + bytes(36) + bytes(entries)


def curved(lengths: bytes, entries: int) -> bytes:
    header = b"mAB " + struct.pack(">4xBBxx5I", len(lengths), 3, 0, 0, 0, 32, 0)
    return header + lengths.ljust(16, b"\0") + bytes((2, 0, 0, 0)) + bytes(entries)


@pytest.mark.parametrize(
    ("tag", "fits"),
    [
        (b"mluc" + struct.pack(">4xII", 2, 12) + bytes(24), True),
        (b"mluc" + struct.pack(">4xII", 1 << 24, 12) + bytes(24), False),
        (grid(b"mft1", 4, 9, 9**4 * 3), True),
        (grid(b"mft1", 4, 33, 9**4 * 3), False),
        (grid(b"mft2", 3, 17, 17**3 * 6), True),
        (grid(b"mft2", 15, 255, 1_000), False),
        (curved(b"\x11\x11\x11", 17**3 * 6), True),
        (curved(b"\xff\xff\xff\xff", 1_000), False),
        (b"mAB " + struct.pack(">4xBBxx5I", 3, 3, 0, 0, 0, 1 << 30, 0), False),
        (b"mft1\0\0", False),
    ],
)
def test_tables_are_as_long_as_they_say(tag: bytes, *, fits: bool) -> None:
    assert tables_fit(profile(tag)) is fits


def test_real_profiles_fit_and_cut_off_ones_do_not() -> None:
    assert tables_fit(SRGB)
    assert tables_fit(ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes())
    assert not tables_fit(SRGB[:140])
    assert not tables_fit(b"")


def test_a_photo_whose_profile_lies_is_shown_as_it_is() -> None:
    """The description claims 16 million languages: LittleCMS would take 200 MB for them first."""
    at = SRGB.index(b"mluc")
    lying = SRGB[: at + 8] + struct.pack(">I", 0xFFFF01) + SRGB[at + 12 :]
    file = BytesIO()
    Image.new("RGB", (8, 8), (200, 30, 30)).save(file, "PNG", icc_profile=lying)
    assert np.array_equal(np.unique(decode(file.getvalue()).pixels.reshape(-1, 3), axis=0), [[200, 30, 30]])
