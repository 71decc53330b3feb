"""What is served of a photo and of a stored mask: small, in a format of ours, without what else its file said."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

import numpy as np
from PIL import Image

from models.errors import PhotoError
from models.photo import Limits, sniff
from tests.fuzz.seeds.photos import photos
from tests.fuzz.target import Target
from workers.masks import decode_mask
from workers.web.photos.making import cutout, overlay, thumbnail, whole

LIMITS = Limits(max_bytes=500_000, max_pixels=100_000, memory=100_000_000)
SIDE = 32


def check(data: bytes) -> None:
    _check(lambda: thumbnail(data, SIDE, LIMITS), "WEBP")
    _check(lambda: whole(data, LIMITS), "JPEG")
    try:
        mask = decode_mask(data, LIMITS)
    except PhotoError:
        return
    assert mask.ndim == 2 and mask.dtype == np.uint8, (mask.shape, mask.dtype)
    _check(lambda: cutout(data, mask, SIDE, LIMITS), "WEBP")
    _check(lambda: overlay(mask, SIDE), "PNG")


def _check(make: Callable[[], bytes], form: str) -> None:
    try:
        made = make()
    except PhotoError:
        return
    assert sniff(made) == form
    with Image.open(BytesIO(made)) as image:
        assert max(image.size) <= (SIDE if form != "JPEG" else LIMITS.max_pixels)
        assert not {"exif", "xmp", "icc_profile", "comment", "text"} & {*image.info}, image.info


def _seeds() -> tuple[bytes, ...]:
    return tuple(data for data in photos() if len(data) < 10_000)


TARGET = Target("pictures", _seeds, check)
