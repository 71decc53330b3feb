"""Connected regions of a mask as boxes, without scipy: runs of equal pixels, joined from row to row."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from models.predictions import Box
from models.training.measure.boxes import Boxes, make_boxes
from models.training.samples import Mask

Runs = npt.NDArray[np.int64]
SPECK = 1e-4
"""Share of the photo below which a region is noise, and nobody would draw a box around it."""


def region_boxes(mask: Mask, labels: int) -> Boxes:
    """A box around each connected region of one label, in a mask (h, w) numbered from 1; labels are from 0.

    Pixels that touch at a corner are connected. Regions below `SPECK` of the photo are left out.
    """
    found: list[tuple[Box, int, float]] = []
    for k in range(labels):
        found += [(box, k, 1.0) for box in regions(mask == k + 1, least=SPECK * mask.size)]
    return make_boxes(found)


def regions(mask: npt.NDArray[np.bool_], least: float = 0) -> list[Box]:
    """Boxes around the connected regions, of `least` pixels or more, of a bool mask (h, w)."""
    row, start, stop = _runs(mask)
    if not len(row):
        return []
    _, group = np.unique(_joined(row, start, stop, mask.shape[1]), return_inverse=True)
    count = int(group.max()) + 1
    area = np.bincount(group, weights=stop - start, minlength=count)
    edges = [_least(group, start, count), _least(group, row, count)]
    edges += [-_least(group, -stop, count), -_least(group, -row, count) + 1]
    rows = np.stack(edges, axis=1)[area >= least]
    return [Box(*map(float, corners)) for corners in rows.tolist()]


def _runs(mask: npt.NDArray[np.bool_]) -> tuple[Runs, Runs, Runs]:
    """Row, first column and column after the last of each run of true pixels, in reading order."""
    padded = np.zeros((mask.shape[0], mask.shape[1] + 2), np.int8)
    padded[:, 1:-1] = mask
    steps = np.diff(padded, axis=1)
    row, start = np.nonzero(steps == 1)
    return row, start, np.nonzero(steps == -1)[1]


def _joined(row: Runs, start: Runs, stop: Runs, width: int) -> Runs:
    """For each run, the same number as for all runs that it is connected with."""
    lower, upper = _touching(row, start, stop, width + 2)
    root = np.arange(len(row))
    while (root[lower] != root[upper]).any():
        least = np.minimum(root[lower], root[upper])
        # Give the lesser number to the roots too, so that whole regions are joined, not single runs.
        for end in (lower, upper):
            np.minimum.at(root, root[end], least)
        while (root[root] != root).any():
            root = root[root]
    return root


def _touching(row: Runs, start: Runs, stop: Runs, stride: int) -> tuple[Runs, Runs]:
    """Pairs of runs in rows below each other that share a column, or a corner."""
    # Places in one long line, where rows cannot touch: a run's neighbours above are then a range of runs.
    above = (row - 1) * stride
    first = np.searchsorted(row * stride + stop, above + start, side="left")
    last = np.searchsorted(row * stride + start, above + stop, side="right")
    counts = np.maximum(last - first, 0)
    lower = np.repeat(np.arange(len(row)), counts)
    offset = np.arange(len(lower)) - np.repeat(counts.cumsum() - counts, counts)
    return lower, first[lower] + offset


def _least(group: Runs, values: Runs, count: int) -> Runs:
    least = np.full(count, np.iinfo(np.int64).max)
    np.minimum.at(least, group, values)
    return least
