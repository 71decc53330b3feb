"""Copies of one photo in two splits. What is trained on must not hold a copy of what is measured on.

Two photos are copies if their pixels are the same (`exact`), or if their hashes differ in at most `DISTANCE` bits and
their thumbnails by at most `DIFFERENCE` grey levels, root mean square (`near`). Measured on 187 photos of at least
240 pixels a side: this knows 100 % of the copies again that were recompressed or halved in size, 97 % of those at a
quarter of it, 95 % of those cropped by 1 % and 59 % of those cropped by 2 %; it is no match for borders and large
crops. Fashion-MNIST, 28 x 28 pixels of much alike clothes, loses 27 of 60,000 training photos; by eye most are the
product of a test photo. At 10 grey levels it would be 115, most of them other trousers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from models.training.looking import Looks
from models.training.samples import Problem, Sample, Split
from models.training.split import Parts

DISTANCE = 6
DIFFERENCE = 8.0

MOST_PAIRS = 2_000_000_000
"""Pairs compared one by one at most: some seconds. Beyond, only photos with the same hash are compared."""

_ROWS, _COLUMNS = 256, 4096
"""Hashes compared at a time: 8 MB of distances stay in the processor's cache."""

Indices = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Duplicate:
    """`other` is a copy of `kept`, which lies in a split that is guarded more; indices of samples."""

    kept: int
    other: int
    kind: Literal["exact", "near"]


@dataclass(frozen=True, slots=True)
class Duplicates:
    """One Duplicate for each photo to leave out. `thorough` is False where near copies were sought among equal
    hashes only, because there were too many pairs."""

    found: tuple[Duplicate, ...]
    thorough: bool

    @property
    def left_out(self) -> frozenset[int]:
        return frozenset(one.other for one in self.found)


def find(looks: Looks, parts: Parts, *, most_pairs: int = MOST_PAIRS) -> Duplicates:
    """Copies of test photos in val and train, and of val photos in train: test stays whole."""
    train, val, test = (np.array(part, dtype=np.intp) for part in (parts.train, parts.val, parts.test))
    thorough = len(test) * (len(val) + len(train)) + len(val) * len(train) <= most_pairs
    found = _copies(looks, test, np.concatenate([val, train]), thorough)
    gone = np.array([one.other for one in found], dtype=np.intp)
    found += _copies(looks, np.setdiff1d(val, gone), np.setdiff1d(train, gone), thorough)
    return Duplicates(tuple(sorted(found, key=lambda one: one.other)), thorough)


def without(parts: Parts, duplicates: Duplicates, samples: Sequence[Sample]) -> Parts:
    """The splits less what `duplicates` leaves out, with a Problem for each such photo."""
    out = duplicates.left_out
    train, val = (tuple(index for index in part if index not in out) for part in (parts.train, parts.val))
    tested = frozenset(parts.test)
    problems = (_copy(one, samples, "test" if one.kept in tested else "val") for one in duplicates.found)
    return Parts(train, val, parts.test, (*parts.problems, *problems))


def _copy(one: Duplicate, samples: Sequence[Sample], place: Split) -> Problem:
    alike = "the same photo as" if one.kind == "exact" else "almost the same photo as"
    other, kept = samples[one.other], samples[one.kept]
    sentence = f"{other.photo.name} is {alike} {kept.photo.name}, which is in {place}; it is not learned from"
    return Problem(other.origin, "duplicate", sentence)


def _copies(looks: Looks, kept: Indices, others: Indices, thorough: bool) -> list[Duplicate]:
    """For each of `others` that is a copy of one of `kept`: itself and the first such."""
    first = _exact(looks, kept, others)
    found = [Duplicate(one, other, "exact") for other, one in first.items()]
    rest = np.array([other for other in others.tolist() if other not in first], dtype=np.intp)
    pairs = _alike(looks, kept, rest) if thorough else _same_hash(looks, kept, rest)
    near: dict[int, int] = {}
    for one, other in pairs:
        for k in _close(looks, one, other):
            near.setdefault(int(other[k]), int(one[k]))
    return found + [Duplicate(one, other, "near") for other, one in near.items()]


def _exact(looks: Looks, kept: Indices, others: Indices) -> dict[int, int]:
    """Index of a copy -> of its original."""
    originals: dict[bytes, int] = {}
    for index in kept.tolist():
        originals.setdefault(looks.digests[index].tobytes(), index)
    copies = ((other, originals.get(looks.digests[other].tobytes())) for other in others.tolist())
    return {other: one for other, one in copies if one is not None}


def _alike(looks: Looks, kept: Indices, others: Indices) -> Iterator[tuple[Indices, Indices]]:
    """Pairs whose hashes are close, block by block."""
    for top in range(0, len(kept), _ROWS):
        rows = kept[top : top + _ROWS]
        for left in range(0, len(others), _COLUMNS):
            columns = others[left : left + _COLUMNS]
            distances = np.bitwise_count(looks.hashes[rows, None] ^ looks.hashes[None, columns])
            at, to = np.nonzero(distances <= DISTANCE)
            yield rows[at], columns[to]


def _same_hash(looks: Looks, kept: Indices, others: Indices) -> Iterator[tuple[Indices, Indices]]:
    """Pairs of one hash. Of many originals with one hash, a few hundred are compared."""
    originals: dict[int, list[int]] = {}
    for index in kept.tolist():
        group = originals.setdefault(int(looks.hashes[index]), [])
        if len(group) < _ROWS:
            group.append(index)
    for other in others.tolist():
        group = originals.get(int(looks.hashes[other]), [])
        yield np.array(group, dtype=np.intp), np.full(len(group), other, dtype=np.intp)


def _close(looks: Looks, one: Indices, other: Indices) -> list[int]:
    """Places of the pairs whose thumbnails are alike."""
    found: list[int] = []
    for start in range(0, len(one), _COLUMNS):
        pair = slice(start, start + _COLUMNS)
        apart = looks.thumbnails[one[pair]].astype(np.float32) - looks.thumbnails[other[pair]]
        squares = np.mean(apart * apart, axis=(1, 2))
        found += (np.flatnonzero(squares <= DIFFERENCE**2) + start).tolist()
    return found
