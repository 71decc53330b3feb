"""One photo on its way in: read from its source, looked at, hashed. Nothing is decoded here."""

from __future__ import annotations

import hashlib
from concurrent.futures import Future
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
class Shown:
    """A photo that its product shows already, from the same URL: it is not fetched again."""

    image_id: int


@dataclass(frozen=True, slots=True)
class Refused:
    """A photo that may not be accepted, and why."""

    code: str
    reason: str


Outcome = NewPhoto | Shown | Refused


def take(sources: Sources, reference: str, limits: Limits) -> NewPhoto | Refused:
    """Read a photo and check its header. Raises StoreUnavailable where an S3 source does not answer."""
    try:
        return look(sources.read(reference), limits)
    except SourceError as error:
        return Refused(error.code, str(error))


def look(data: bytes, limits: Limits) -> NewPhoto | Refused:
    """Check the header of a photo that has been read."""
    try:
        return NewPhoto(hashlib.sha256(data).hexdigest(), data, inspect(data, limits))
    except PhotoError as error:
        return Refused(error.code, str(error))


def fetched(future: Future[Outcome]) -> Outcome:
    """What came of a photo, once it is there or refused."""
    try:
        return future.result()
    except SourceError as error:
        return Refused(error.code, str(error))
