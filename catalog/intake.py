"""One photo on its way in: read from its source, looked at, hashed. Nothing is decoded here."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from catalog.errors import SourceError
from catalog.sources import Sources
from models.errors import PhotoError
from models.photo import Limits, PhotoInfo, inspect


@dataclass(frozen=True, slots=True)
class NewPhoto:
    """A photo that may be accepted: its bytes, their SHA-256 (hex) and what its header says."""

    sha256: str
    data: bytes
    info: PhotoInfo


@dataclass(frozen=True, slots=True)
class Refused:
    """A photo that may not be accepted, and why."""

    code: str
    reason: str


def take(sources: Sources, reference: str, limits: Limits) -> NewPhoto | Refused:
    """Read a photo and check its header. Raises StoreUnavailable where an S3 source does not answer."""
    try:
        data = sources.read(reference)
        return NewPhoto(hashlib.sha256(data).hexdigest(), data, inspect(data, limits))
    except (SourceError, PhotoError) as error:
        return Refused(error.code, str(error))
