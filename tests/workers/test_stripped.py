"""Where and by whom a photo was taken leaves with no picture that is made of it: served, exported or on a page."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageCms

from models.decode import decode
from models.photo import Limits
from workers.export.cutouts import encode_cutout
from workers.pages import pictures
from workers.web.photos import making

SIZE = (60, 40)
SECRET = "taken at home by Anna"
ALL = np.ones(SIZE[::-1], np.uint8)


def told(form: str) -> bytes:
    """A photo with all that its format can hold."""
    exif = Image.Exif()
    exif[0x010E], exif[0x013B] = SECRET, SECRET
    exif.get_ifd(0x8825)[2] = (52.0, 31.0, 12.0)
    xmp = f"<x:xmpmeta xmlns:x='adobe:ns:meta/'>{SECRET}</x:xmpmeta>".encode()
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    made = io.BytesIO()
    Image.new("RGB", SIZE, (200, 30, 30)).save(
        made, form, exif=exif, xmp=xmp, icc_profile=profile, comment=SECRET
    )
    assert SECRET.encode() in made.getvalue()
    return made.getvalue() + SECRET.encode()


def from_uri(uri: str) -> bytes:
    return base64.b64decode(uri.partition(",")[2])


MAKERS: dict[str, Callable[[bytes], bytes]] = {
    "whole": lambda data: making.whole(data, Limits()),
    "thumbnail": lambda data: making.thumbnail(data, 160, Limits()),
    "cut-out that is served": lambda data: making.cutout(data, ALL, 160, Limits()),
    "cut-out that is exported": lambda data: encode_cutout(decode(data).pixels, ALL),
    "page": lambda data: from_uri(pictures.photo(data, 160)),
    "page, without loss": lambda data: from_uri(pictures.photo(data, 160, lossless=True)),
    "cut-out of a page": lambda data: from_uri(pictures.cutout(data, ALL > 0, 160)),
}


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("maker", MAKERS)
def test_nothing_of_the_file_but_its_pixels(maker: str, form: str) -> None:
    made = MAKERS[maker](told(form))
    assert SECRET.encode() not in made
    picture = Image.open(io.BytesIO(made))
    assert not picture.getexif()
    assert not {"exif", "xmp", "icc_profile", "comment"} & {*map(str, picture.info)}
    assert picture.size == SIZE
