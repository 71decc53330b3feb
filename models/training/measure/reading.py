"""Labelled photos, decoded ahead of need by threads: so many at a time, however many there are."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from models.decode import Photo
from models.errors import DataError, PhotoError
from models.training.samples import Mask, Problem, Sample

Load = Callable[[Sample], Photo]
AHEAD = 16
"""Photos decoded beyond the batch at hand."""


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A sample with its photo and, where it has one and the task needs it, its mask at the photo's own size."""

    sample: Sample
    photo: Photo
    mask: Mask | None


def batches(
    samples: Sequence[Sample], size: int, load: Load, *, masks: bool
) -> Iterator[list[Seen | Problem]]:
    """The samples in order, `size` at a time; what cannot be read is a Problem in its place."""
    waiting: deque[Future[Seen | Problem]] = deque()
    upcoming = iter(samples)
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1), thread_name_prefix="measure") as pool:
        try:
            for start in range(0, len(samples), size):
                while len(waiting) < size + AHEAD and (sample := next(upcoming, None)):
                    waiting.append(pool.submit(_read, sample, load, masks))
                yield [waiting.popleft().result() for _ in samples[start : start + size]]
        finally:  # of a pass that is given up
            for future in waiting:
                future.cancel()


def _read(sample: Sample, load: Load, masks: bool) -> Seen | Problem:
    try:
        photo = load(sample)
        mask = sample.mask.load() if masks and sample.mask else None
        if mask is not None and mask.shape != (photo.height, photo.width):
            high, wide = mask.shape
            size = f"{wide} x {high}, the photo {photo.width} x {photo.height}"
            return Problem(sample.origin, "wrong_mask_size", f"the mask has {size} pixels")
        return Seen(sample, photo, mask)
    except PhotoError as error:
        return Problem(sample.origin, error.code, error.sentence)
    except DataError as error:
        return Problem(sample.origin, "bad_mask", str(error))
    except (OSError, SyntaxError, ValueError) as error:
        # A file that has gone since it was listed must not cost hours of training; Pillow raises the others.
        reason = " ".join(str(error).split())
        return Problem(sample.origin, "unreadable", f"{sample.photo.name} cannot be read: {reason}")
