"""Segmentation logits on a coarse grid to the runs of a mask at the photo's own size. Pure functions.

Logits are interpolated and then compared, which gives smooth outlines; enlarging the finished mask would give
steps. Only what changes is computed: in each row of the photo, the columns at which one label overtakes another. So a
mask costs what its outline costs, and a photo of 64 megapixels takes no more memory than its rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor

import numpy as np
import numpy.typing as npt
from torch import Tensor

from models.geometry import Placement
from models.predictions import Box, Segment, Segmentation
from models.runs import Labels, Positions, Runs

Floats = npt.NDArray[np.float32]

BAND = 250_000
"""Numbers that are worked on at a time: they stay in the processor's cache."""


def segmentation(logits: Tensor, place: Placement, labels: tuple[str, ...]) -> Segmentation:
    """The mask of one photo from float logits (1 + labels, h, w) over the whole input; channel 0 is
    background.

    What lies outside the input (after a centre crop) is background.
    """
    down = _axis(place.photo_height, place.top, place.height, place.input_height, logits.shape[1])
    across = _axis(place.photo_width, place.left, place.width, place.input_width, logits.shape[2])
    cells = logits[:, down.low : down.high + 1, across.low : across.high + 1].float().numpy()
    winner = first_best(cells)
    scores = _scores(cells, winner)
    rivals = np.flatnonzero(np.bincount(winner.ravel()))  # who wins no cell has no score, and no pixel
    runs = _runs(cells[rivals], rivals.astype(np.uint8), down, across, place)
    return Segmentation(runs, _segments(runs, labels, scores))


def first_best(values: Floats) -> Labels:
    """As `values.argmax(axis=0)` of at most 255 planes, as uint8; many times faster where planes are few."""
    best, winner = values[0], np.zeros(values.shape[1:], np.uint8)
    for k in range(1, len(values)):
        np.copyto(winner, k, where=values[k] > best)
        best = np.maximum(best, values[k])
    return winner


def _scores(cells: Floats, winner: Labels) -> dict[int, float]:
    """Mean probability of each label (from 1) over the cells that it wins."""
    sure = 1.0 / np.exp(cells - cells.max(axis=0)).sum(axis=0)
    counts = np.bincount(winner.ravel())
    totals = np.bincount(winner.ravel(), weights=sure.ravel())
    return {k: float(totals[k] / counts[k]) for k in range(1, len(counts)) if counts[k]}


@dataclass(frozen=True, slots=True)
class _Axis:
    """`pixels` photo pixels of one axis from `start`, and the grid cells `low` to `high` that they mix.

    The centre of the pixel k, counted from `start`, lies at zero + k * step, in cells from the centre of `low`; beyond
    the centres of the outer cells nothing changes any more.
    """

    start: int
    pixels: int
    low: int
    high: int
    zero: float
    step: float


def _axis(photo: int, offset: int, length: int, side: int, grid: int) -> _Axis:
    scale = length / photo
    start = max(0, ceil(-offset / scale - 0.5))
    stop = max(start, min(photo, floor((side - offset) / scale - 0.5) + 1))
    per_cell = side / grid
    # Cells whose centre lies on the photo: the padding around it must not bleed into the mask.
    left, right = max(offset, 0), min(offset + length, side)
    low, high = ceil(left / per_cell - 0.5), floor(right / per_cell - 0.5)
    high = min(high, grid - 1)
    if high < low:  # thinner than a cell
        low = high = min(floor((left + right) / 2 / per_cell), grid - 1)
    zero = (offset + (start + 0.5) * scale) / per_cell - 0.5 - low
    return _Axis(start, stop - start, low, high, zero, scale / per_cell)


def _runs(cells: Floats, rivals: Labels, down: _Axis, across: _Axis, place: Placement) -> Runs:
    """The rows of the photo, band by band; `cells` (rivals, h, w) are the planes of the labels `rivals`."""
    height, width = place.photo_height, place.photo_width
    starts, labels = [np.zeros(1, np.int64)], [np.zeros(1, np.uint8)]  # what is above is background
    size = max(1, BAND // (cells.shape[0] * cells.shape[2]))
    for top in range(0, down.pixels if across.pixels else 0, size):
        rows = _rows(cells, down.zero + np.arange(top, min(top + size, down.pixels)) * down.step)
        first = (down.start + top + np.arange(rows.shape[1])) * width + across.start
        y, x, winners = _changes(rows, across)
        # Of changes at one pixel the last one counts: a row's end, the next row's beginning, its changes.
        ends, begins = np.zeros(len(first), np.uint8), rivals[first_best(rows[:, :, 0])]
        at = np.concatenate((first + across.pixels, first, first[y] + x))
        order = np.argsort(at, kind="stable")
        starts.append(at[order])
        labels.append(np.concatenate((ends, begins, rivals[winners]))[order])
    at, new = np.concatenate(starts), np.concatenate(labels)
    inside = at < height * width
    return Runs.joined(height, width, at[inside], new[inside])


def _rows(cells: Floats, centres: npt.NDArray[np.float64]) -> Floats:
    """Planes (rivals, rows, w), interpolated down at `centres`."""
    centres = centres.clip(0, cells.shape[1] - 1)
    above = centres.astype(np.int64)
    below = np.minimum(above + 1, cells.shape[1] - 1)
    share = (centres - above).astype(np.float32)[:, None]
    upper: Floats = cells.take(above, axis=1)
    rows: Floats = cells.take(below, axis=1)
    rows -= upper
    rows *= share
    rows += upper
    return rows


def _changes(rows: Floats, across: _Axis) -> tuple[Positions, Positions, Labels]:
    """Where the best of the planes `rows` (rivals, rows, w) changes, in reading order: row, column, and who it is then.

    Between two cells all planes are straight lines. The winners of the two cells change where their lines cross, unless
    a third is above them there: then the first changes to the third, and the third to the other.
    """
    winners = first_best(rows)
    y, gap = np.nonzero(winners[:, 1:] != winners[:, :-1])
    pairs = np.stack((y, gap, winners[y, gap], winners[y, gap + 1]))
    crossings: list[npt.NDArray[np.float64]] = []
    for rivals_left in range(len(rows) - 2, -2, -1):  # a pair meets each of the others once at most
        y, gap, one, other = pairs
        left, right, k = rows[:, y, gap], rows[:, y, gap + 1], np.arange(len(y))
        lead, lag = left[one, k] - left[other, k], right[other, k] - right[one, k]
        share = lead / (lead + lag)
        best = first_best(left + (right - left) * share)
        third = (best != one) & (best != other) & (rivals_left > 0)
        crossings.append(np.stack((y, gap + share.astype(np.float64), one, other))[:, ~third])
        if not third.any():
            break
        before, after = pairs[:, third], pairs[:, third]
        before[3] = after[2] = best[third]
        pairs = np.hstack((before, after))
    y, at, one, other = np.hstack(crossings)
    columns = (at - across.zero) / across.step
    # At the very crossing the lower label wins, as in `first_best`.
    x = np.where(other > one, np.floor(columns) + 1, np.ceil(columns)).clip(0)
    order = np.lexsort((at, y)) if len(crossings) > 1 else np.arange(len(y))
    order = order[x[order] < across.pixels]
    return y[order].astype(np.int64), x[order].astype(np.int64), other[order].astype(np.uint8)


def _segments(runs: Runs, labels: tuple[str, ...], scores: dict[int, float]) -> tuple[Segment, ...]:
    """Largest first; a label that was lost between the pixels of a small photo is left out."""
    pixels = np.bincount(runs.labels, weights=runs.lengths, minlength=len(labels) + 1)
    found = [
        Segment(labels[k - 1], score, Box(*map(float, runs.box(k))), float(pixels[k] / pixels.sum()))
        for k, score in scores.items()
        if pixels[k]
    ]
    return tuple(sorted(found, key=lambda one: -one.area))
