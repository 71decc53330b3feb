"""Photos: `models.photo.inspect` and `models.decode.decode` agree, or say why not by a PhotoError with a code."""

from __future__ import annotations

import numpy as np

from models.decode import Photo, decode
from models.errors import PhotoError
from models.photo import FORMATS, Limits, PhotoInfo, Sides, inspect
from tests.fuzz.seeds.photos import photos
from tests.fuzz.target import Target

LIMITS = Limits(max_bytes=2_000_000, max_pixels=1_000_000, memory=100_000_000)
SMALL = Sides(8, 8)


def check(data: bytes) -> None:
    header, whole, small = _inspect(data), _decode(data, None), _decode(data, SMALL)
    if isinstance(header, PhotoError):
        for other in (whole, small):
            assert isinstance(other, PhotoError) and other.code == header.code, (header, other)
        return
    assert header.format in FORMATS
    if isinstance(whole, PhotoError):
        return
    assert (whole.width, whole.height) == (header.width, header.height), (whole.width, whole.height, header)
    _check_pixels(whole)
    assert whole.pixels.shape[:2] == (whole.height, whole.width)
    assert not isinstance(small, PhotoError), f"only whole it can be decoded: {small}"
    assert (small.width, small.height) == (whole.width, whole.height)
    _check_pixels(small)
    high, wide = small.pixels.shape[:2]
    assert min(high, wide) >= min(8, whole.width, whole.height), small.pixels.shape


def _inspect(data: bytes) -> PhotoInfo | PhotoError:
    try:
        return inspect(data, LIMITS)
    except PhotoError as error:
        return _checked(error)


def _decode(data: bytes, sides: Sides | None) -> Photo | PhotoError:
    try:
        return decode(data, sides=sides, limits=LIMITS)
    except PhotoError as error:
        return _checked(error)


def _checked(error: PhotoError) -> PhotoError:
    assert type(error) is not PhotoError, "a PhotoError without a code of its own"
    assert 10 < len(error.sentence) < 400 and error.sentence.isprintable(), error.sentence
    return error


def _check_pixels(photo: Photo) -> None:
    high, wide, channels = photo.pixels.shape
    assert channels == 3 and photo.pixels.dtype == np.uint8
    assert 0 < high * wide <= LIMITS.max_pixels


TARGET = Target("photos", photos, check)
