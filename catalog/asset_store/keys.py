"""Where each object lives: pure functions from hashes and model names to keys.

A file name from a manifest never becomes part of a key.
"""

from __future__ import annotations

import re

from catalog.errors import InvalidKey

# Pillow's name of a format -> the ending of its key. MPO is a JPEG with further pictures behind the first.
_ENDINGS = {
    "JPEG": "jpg",
    "MPO": "jpg",
    "PNG": "png",
    "WEBP": "webp",
    "GIF": "gif",
    "BMP": "bmp",
    "TIFF": "tif",
    "AVIF": "avif",
}

CONTENT_TYPES = {
    "jpg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "gif": "image/gif",
    "bmp": "image/bmp",
    "tif": "image/tiff",
    "avif": "image/avif",
}
"""The ending of an image key -> its media type."""

_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_MODEL_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}@[A-Za-z0-9][A-Za-z0-9._-]{0,99}", re.ASCII)
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}", re.ASCII)


def image_key(sha256: str, format: str) -> str:
    """The key of a photo: `images/ab/cd/<sha256>.<ending>`.

    `sha256` is 64 lower-case hexadecimal digits, `format` is Pillow's name of the format, such as `JPEG`.
    Raises InvalidKey for another hash or an unknown format.
    """
    ending = _ENDINGS.get(format.upper())
    if ending is None:
        raise InvalidKey(f"no key for photos of format {format!r}; known are {', '.join(_ENDINGS)}")
    return f"images/{_spread(sha256)}.{ending}"


def mask_key(model: str, sha256: str) -> str:
    """The key of a photo's mask: `masks/<name>@<version>/ab/cd/<sha256>.png`; `model` is `name@version`."""
    if not _MODEL_KEY.fullmatch(model):
        raise InvalidKey(f"{model!r} is not a model written name@version (letters, digits, '.', '_', '-')")
    return f"masks/{model}/{_spread(sha256)}.png"


def mask_keys(model: str, sha256: str) -> tuple[str, str]:
    """Where a photo's mask may lie: as `mask_key` has it, and in one folder, as masks of old do."""
    return mask_key(model, sha256), f"masks/{model}/{sha256}.png"


def thumbnail_key(sha256: str, side: int) -> str:
    """The key of a photo made small, its longer side `side` pixels: `thumbnails/<side>/ab/cd/<sha256>.webp`."""
    return f"thumbnails/{int(side)}/{_spread(sha256)}.webp"


def _spread(sha256: str) -> str:
    """A hash below two folders of its first digits: stores that keep files read whole folders to find one."""
    return f"{_hash(sha256)[:2]}/{sha256[2:4]}/{sha256}"


def model_key(name: str, version: str, file: str) -> str:
    """The key of a model's file: `models/<name>/<version>/<file>`."""
    if not _MODEL_KEY.fullmatch(f"{name}@{version}"):
        raise InvalidKey(f"{name!r} and {version!r} must be letters, digits, '.', '_' and '-' only")
    if not _FILE.fullmatch(file):
        raise InvalidKey(f"{file!r} is not a plain file name of letters, digits, '.', '_' and '-'")
    return f"models/{name}/{version}/{file}"


def check_key(key: str) -> str:
    """Return `key` if every S3 server keeps it as it is, even one that keeps objects as files.

    That is: up to 1,000 bytes, printable, in parts divided by `/` of which none is empty, `.` or `..`.
    Raises InvalidKey.
    """
    if not key.isprintable() or len(key.encode()) > 1000 or not {"", ".", ".."}.isdisjoint(key.split("/")):
        raise InvalidKey(
            f"{key[:100]!r} cannot be a key: it is empty, too long or not plain parts divided by '/'"
        )
    return key


def _hash(sha256: str) -> str:
    if not _SHA256.fullmatch(sha256):
        raise InvalidKey(f"{sha256[:100]!r} is not a SHA-256 written as 64 lower-case hexadecimal digits")
    return sha256
