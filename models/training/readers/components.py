"""Connected areas of a mask: each is taken for one object."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.predictions import Box

Bits = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Area:
    """A connected area: its tight box, how many pixels it has, and `runs` int64 (n, 3): row, start, end."""

    box: Box
    pixels: int
    runs: npt.NDArray[np.int64]

    def drawn(self, height: int, width: int) -> Bits:
        """The area alone, as a boolean mask (height, width)."""
        mask = np.zeros((height, width), dtype=np.bool_)
        for row, start, end in self.runs.tolist():
            mask[row, start:end] = True
        return mask


def areas(mask: Bits) -> list[Area]:
    """Areas of a boolean mask (h, w), from the top down. Pixels that touch at a corner are connected."""
    runs = _runs(mask)
    roots = _joined(runs, mask.shape[1])
    order = np.argsort(roots, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(roots[order])) + 1) if len(order) else []
    return [_area(runs[group]) for group in groups]


def _runs(mask: Bits) -> npt.NDArray[np.int64]:
    """(n, 3): row, start and end (exclusive) of each run of set pixels, row by row."""
    edges = np.diff(np.pad(mask, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    rows, starts = np.nonzero(edges == 1)
    _, ends = np.nonzero(edges == -1)
    return np.stack([rows, starts, ends], axis=1)


def _joined(runs: npt.NDArray[np.int64], width: int) -> npt.NDArray[np.int64]:
    """For each run the first run of its area. Runs of two rows, one below the other, touch if they overlap or meet."""
    pitch = (
        width + 2
    )  # one number line for all rows, with gaps so that the end of a row does not touch the next
    starts, ends = runs[:, 0] * pitch + runs[:, 1], runs[:, 0] * pitch + runs[:, 2]
    first = np.searchsorted(ends, starts + pitch, side="left")
    last = np.searchsorted(starts, ends + pitch, side="right")
    parents = list(range(len(runs)))
    for run, (low, high) in enumerate(zip(first.tolist(), last.tolist(), strict=True)):
        for other in range(low, high):
            _join(parents, run, other)
    return np.array([_root(parents, run) for run in range(len(runs))], dtype=np.int64)


def _root(parents: list[int], run: int) -> int:
    while parents[run] != run:
        parents[run] = parents[parents[run]]
        run = parents[run]
    return run


def _join(parents: list[int], one: int, other: int) -> None:
    low, high = sorted((_root(parents, one), _root(parents, other)))
    parents[high] = low


def _area(runs: npt.NDArray[np.int64]) -> Area:
    left, right = runs[:, 1].min(), runs[:, 2].max()
    box = Box(float(left), float(runs[0, 0]), float(right), float(runs[-1, 0] + 1))
    return Area(box, int((runs[:, 2] - runs[:, 1]).sum()), runs)
