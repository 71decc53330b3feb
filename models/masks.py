"""Segmentation logits on a coarse grid to a mask at the photo's own size. Pure functions.

Logits are interpolated and then compared, which gives smooth outlines; enlarging the finished mask would give
steps. The work goes strip by strip, so that a photo of 64 megapixels needs little more memory than its mask.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from models.geometry import Placement
from models.predictions import Box, Segment, Segmentation

Mask = npt.NDArray[np.uint8]

BAND = 64
"""Rows of a photo that are worked on at a time: they stay in the processor's cache."""


def segmentation(logits: Tensor, place: Placement, labels: tuple[str, ...]) -> Segmentation:
    """The mask of one photo from float logits (1 + labels, h, w) over the whole input; channel 0 is
    background.

    What lies outside the input (after a centre crop) is background.
    """
    down = _axis(place.photo_height, place.top, place.height, place.input_height, logits.shape[1])
    across = _axis(place.photo_width, place.left, place.width, place.input_width, logits.shape[2])
    cells = logits[:, down.low : down.high + 1, across.low : across.high + 1].float()
    winner = first_argmax(cells)
    mask = torch.zeros((place.photo_height, place.photo_width), dtype=torch.uint8)
    _fill(mask[down.start : down.stop, across.start : across.stop], cells, winner, down, across)
    scores = _scores(cells, winner)
    segments = _segments(mask.numpy(), labels, scores)
    return Segmentation(mask.numpy(), tuple(sorted(segments, key=lambda one: -one.area)))


def first_argmax(values: Tensor) -> Tensor:
    """As `values.argmax(dim=0)` of at most 255 planes, as uint8; many times faster than torch's on a CPU."""
    count = values.shape[0]
    best = values.amax(dim=0)
    rank = torch.zeros(best.shape, dtype=torch.uint8)
    for k in range(count):
        torch.maximum(rank, (values[k] == best).view(torch.uint8) * (count - 1 - k), out=rank)
    first: Tensor = count - 1 - rank
    return first


def _scores(cells: Tensor, winner: Tensor) -> dict[int, float]:
    """Mean probability of each label (from 1) over the cells that it wins."""
    sure = (cells - cells.amax(dim=0)).exp_().sum(dim=0).reciprocal_().flatten().double()
    totals = torch.bincount(winner.flatten(), weights=sure).tolist()
    counts = torch.bincount(winner.flatten()).tolist()
    return {k: totals[k] / count for k, count in enumerate(counts) if k and count}


@dataclass(frozen=True, slots=True)
class _Axis:
    """Photo pixels `start` to `stop` of one axis, and the grid cells `low` to `high` that they mix.

    `first` and `last` are the two cells of each pixel, counted from `low`; `weights` (pixels, cells) are
    their shares, so that interpolating is a product of matrices.
    """

    start: int
    stop: int
    low: int
    high: int
    first: Tensor
    last: Tensor
    weights: Tensor


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
    centres = offset + (torch.arange(start, stop, dtype=torch.float64) + 0.5) * scale
    cells = (centres / per_cell - 0.5).clamp(low, high) - low
    first = cells.floor().long()
    last = (first + 1).clamp(max=high - low)
    share = (cells - first).float()
    weights = torch.zeros((stop - start, high - low + 1))
    weights.scatter_add_(1, first[:, None], 1.0 - share[:, None])
    weights.scatter_add_(1, last[:, None], share[:, None])
    return _Axis(start, stop, low, high, first, last, weights)


def _fill(mask: Tensor, cells: Tensor, winner: Tensor, down: _Axis, across: _Axis) -> None:
    """Write the mask band by band. Only the columns in which something but background is near need arithmetic."""
    columns = across.weights.T.contiguous()
    for top in range(0, mask.shape[0], BAND):
        bottom = min(top + BAND, mask.shape[0])
        y = slice(int(down.first[top]), int(down.last[bottom - 1]) + 1)
        near = winner[y].amax(dim=0).nonzero().flatten()
        if not len(near):
            continue  # the mask is made of zeros
        low, high = max(int(near[0]) - 1, 0), int(near[-1]) + 1  # a pixel mixes a cell with its neighbour
        left = int(torch.searchsorted(across.last, low))
        right = int(torch.searchsorted(across.first, high, right=True))
        x = slice(int(across.first[left]), int(across.last[right - 1]) + 1)
        classes = torch.bincount(winner[y, x].flatten()).nonzero().flatten()
        band = mask[top:bottom, left:right]
        if len(classes) == 1:
            band.fill_(int(classes[0]))
        else:
            band.copy_(
                _band(cells[classes, y, x], classes, down.weights[top:bottom, y], columns[x, left:right])
            )


def _band(cells: Tensor, classes: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """The winning class of each pixel, among the classes that win in some cell nearby."""
    if len(classes) == 2:  # the sign of their difference decides: half the work
        second = (rows @ ((cells[1] - cells[0]) @ columns) > 0).view(torch.uint8)
        low, high = classes.tolist()
        return second if (low, high) == (0, 1) else second * (high - low) + low
    winner = first_argmax(rows @ (cells @ columns))
    return classes.to(torch.uint8).take(winner.long())


def _segments(mask: Mask, labels: tuple[str, ...], scores: dict[int, float]) -> list[Segment]:
    found = []
    only = len(labels) == 1  # then the mask is its own "here"
    for k, score in scores.items():
        here = mask.view(np.bool_) if only else mask == k
        pixels = int(np.count_nonzero(here))
        if not pixels:  # lost between the pixels of a small photo
            continue
        flat, width = here.tobytes(), here.shape[1]  # bytes are searched from either end, fast
        top, bottom = flat.find(1) // width, flat.rfind(1) // width + 1
        xs = np.flatnonzero(np.bitwise_or.reduce(here[top:bottom], axis=0))
        box = Box(float(xs[0]), float(top), float(xs[-1] + 1), float(bottom))
        found.append(Segment(labels[k - 1], score, box, pixels / mask.size))
    return found
