"""The worst mistakes of a pass, a few of them: each is made small at once, so that no photo is kept."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count

import numpy as np
import numpy.typing as npt
from PIL import Image

from models.training.measure.measured import Mistake
from models.training.samples import Mask

KEPT = 24
PICTURE_SIDE = 320


class Worst:
    """Keeps the `KEPT` mistakes of the highest weight."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Mistake]] = []
        # Of equal weights the first seen stays; mistakes themselves cannot be compared.
        self._order = count(0, -1)

    def offer(self, weight: float, make: Callable[[], Mistake]) -> None:
        """`make` is called only for a mistake that is kept."""
        if len(self._heap) < KEPT:
            heapq.heappush(self._heap, (weight, next(self._order), make()))
        elif weight > self._heap[0][0]:
            heapq.heapreplace(self._heap, (weight, next(self._order), make()))

    def listed(self) -> list[Mistake]:
        """Worst first."""
        return [mistake for _, _, mistake in sorted(self._heap, key=lambda one: one[:2], reverse=True)]


def small(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Pixels (h, w, 3) with at most `PICTURE_SIDE` a side."""
    picture = Image.fromarray(pixels)
    picture.thumbnail((PICTURE_SIDE, PICTURE_SIDE))
    return np.array(picture)


def small_mask(mask: Mask, shape: tuple[int, int]) -> Mask:
    """A mask at the size of its picture, (h, w), by the nearest pixel: labels do not mix."""
    return np.array(Image.fromarray(mask).resize(shape[::-1], Image.Resampling.NEAREST))
