"""A mask as runs: what the flattened picture says, without its pixels: some kB in place of a megabyte."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Labels = npt.NDArray[np.uint8]
Positions = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Runs:
    """Label numbers of a picture of `height` x `width` pixels, row by row; neighbouring runs differ.

    The run k begins at pixel `starts[k]` (int64, row * width + column, ascending from 0), says `labels[k]` (uint8), and
    ends where the next begins. It may go on over many rows.
    """

    height: int
    width: int
    starts: Positions
    labels: Labels

    @classmethod
    def joined(cls, height: int, width: int, starts: Positions, labels: Labels) -> Runs:
        """Runs of changes in ascending order: of those at one pixel the last one counts, and equal neighbours are
        one."""
        last = np.append(starts[1:] != starts[:-1], True)[: len(starts)]
        starts, labels = starts[last], labels[last]
        fresh = np.ones(len(labels), np.bool_)
        np.not_equal(labels[1:], labels[:-1], out=fresh[1:])
        return cls(height, width, starts[fresh], labels[fresh])

    @classmethod
    def of(cls, mask: Labels) -> Runs:
        """The runs of `mask`, uint8 (height, width)."""
        flat = mask.ravel()
        height, width = mask.shape
        return cls.joined(height, width, np.arange(flat.size), flat)

    @property
    def lengths(self) -> Positions:
        """Pixels of each run."""
        return np.diff(self.starts, append=self.height * self.width)

    def mask(self) -> Labels:
        """The pixels: uint8 (height, width)."""
        return np.repeat(self.labels, self.lengths).reshape(self.height, self.width)

    def box(self, label: int) -> tuple[int, int, int, int]:
        """The tight box of a label that is present: left, top, right, bottom; the last two are exclusive."""
        here = self.labels == label
        first = self.starts[here]
        top, left = np.divmod(first, self.width)
        bottom, right = np.divmod(first + self.lengths[here] - 1, self.width)
        if (bottom > top).any():  # what goes on in the next row touches both sides
            return 0, int(top[0]), self.width, int(bottom[-1]) + 1
        return int(left.min()), int(top[0]), int(right.max()) + 1, int(bottom[-1]) + 1
