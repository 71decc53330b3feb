"""Look at each labelled photo once, small and in threads: can it be used, how large is it, what does it resemble?"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from models.photo import Sides
from models.training import checking
from models.training.hashes import THUMBNAIL, difference_hashes, thumbnail
from models.training.left_out import LeftOut
from models.training.samples import LabelledPhotos, Mask, MaskSource, Problem, Sample

SIDES = Sides(128, 128)
"""Photos are decoded to at least this many pixels at the shorter side: enough to know a copy at half the size again."""

_CHUNK = 64
_DIGEST = 16


@dataclass(frozen=True, slots=True, eq=False)
class Looks:
    """What n photos look like; row k is the k-th sample's.

    `sizes` int32 (n, 2): width and height as shown. `digests` uint8 (n, 16): of the decoded pixels. `thumbnails`
    uint8 (n, 16, 16), grey, and `hashes` uint64 (n,): see `models.training.hashes`. `labels`: those in each photo.
    `masks`: a digest of the label of every pixel of its mask, None where a photo has no mask.
    """

    sizes: npt.NDArray[np.int32]
    digests: npt.NDArray[np.uint8]
    thumbnails: npt.NDArray[np.uint8]
    hashes: npt.NDArray[np.uint64]
    labels: tuple[tuple[str, ...], ...]
    masks: tuple[bytes | None, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Looked:
    """The samples that can be used, their looks, and what was left out by the reader and here."""

    samples: tuple[Sample, ...]
    looks: Looks
    problems: tuple[Problem, ...]


class _Seen(NamedTuple):
    sample: Sample
    size: tuple[int, int]
    digest: bytes
    thumbnail: bytes
    labels: tuple[str, ...]
    mask: bytes | None
    problems: tuple[Problem, ...]


@dataclass(slots=True, eq=False)
class _Read:
    """A mask that leaves a digest when it is read: reading it once more would take as long as all checks."""

    source: MaskSource
    digest: bytes | None = None

    @property
    def name(self) -> str:
        return self.source.name

    def load(self) -> Mask:
        mask = self.source.load()
        self.digest = _digest(mask)
        return mask


def look(
    photos: LabelledPhotos,
    *,
    sides: Sides = SIDES,
    threads: int | None = None,
    on_progress: Callable[[int, int], object] | None = None,
) -> Looked:
    """Decode each photo once. Boxes come back clipped; a photo that cannot be used becomes a Problem.

    `threads`: one a core, if not given. `on_progress(done, total)` is called from the calling thread.
    """
    total = len(photos.samples)
    chunks = [photos.samples[start : start + _CHUNK] for start in range(0, total, _CHUNK)]
    found: list[_Seen | Problem] = []
    with ThreadPoolExecutor(threads or os.cpu_count()) as pool:
        for part in pool.map(lambda chunk: [_see(one, photos.labels, sides) for one in chunk], chunks):
            found += part
            if on_progress is not None:
                on_progress(len(found), total)
    seen = [one for one in found if isinstance(one, _Seen)]
    problems = ((one,) if isinstance(one, Problem) else one.problems for one in found)
    return Looked(
        tuple(one.sample for one in seen), _looks(seen), (*photos.problems, *chain.from_iterable(problems))
    )


def _see(sample: Sample, names: Sequence[str], sides: Sides) -> _Seen | Problem:
    try:
        photo = checking.load(sample, sides)
        checking.size(sample, photo)
        sample, problems = checking.boxes(sample, photo)
        mask = _Read(sample.mask) if sample.mask is not None else None
        labels = checking.labels(replace(sample, mask=mask), photo, names)
    except LeftOut as why:
        return why.at(sample.origin)
    size = (photo.width, photo.height)
    digest, small = _digest(photo.pixels), thumbnail(photo.pixels)
    return _Seen(sample, size, digest, small, labels, mask.digest if mask else None, problems)


def _digest(pixels: npt.NDArray[np.uint8]) -> bytes:
    """The same for the same pixels only; two photos of one colour may differ in nothing but their size."""
    made = hashlib.blake2b(repr(pixels.shape).encode(), digest_size=_DIGEST)
    made.update(np.ascontiguousarray(pixels).data)
    return made.digest()


def _looks(seen: Sequence[_Seen]) -> Looks:
    thumbnails = _rows([one.thumbnail for one in seen], THUMBNAIL**2).reshape(-1, THUMBNAIL, THUMBNAIL)
    return Looks(
        sizes=np.array([one.size for one in seen], dtype=np.int32).reshape(-1, 2),
        digests=_rows([one.digest for one in seen], _DIGEST),
        thumbnails=thumbnails,
        hashes=difference_hashes(thumbnails),
        labels=tuple(one.labels for one in seen),
        masks=tuple(one.mask for one in seen),
    )


def _rows(texts: Sequence[bytes], width: int) -> npt.NDArray[np.uint8]:
    return np.frombuffer(b"".join(texts), dtype=np.uint8).reshape(-1, width)
