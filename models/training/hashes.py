"""What a photo looks like in a few bytes: a small grey copy, and 64 bits that survive scaling and recompression.

The bits are a difference hash: does grey rise from one cell of a 9 x 8 grid to its right neighbour? (After Neal
Krawetz, "Kind of Like That", hackerfactor.com, 2013.)
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

from models.colour import Pixels

THUMBNAIL = 16
"""Pixels a side of the small grey copy."""

RISE = 2.0
"""Grey levels that count as a rise. Less is noise of compression, which even, white backgrounds are full of."""

_COLUMNS, _ROWS = 9, 8


def thumbnail(pixels: Pixels) -> bytes:
    """The grey copy of uint8 RGB `pixels` (h, w, 3), row by row; its aspect is not kept."""
    grey = Image.fromarray(pixels).convert("L")
    return grey.resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BOX).tobytes()


def difference_hashes(thumbnails: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint64]:
    """uint64 (n,) from uint8 (n, 16, 16)."""
    down, across = _averaging(_ROWS), _averaging(_COLUMNS)
    cells = np.einsum("rh,nhw,cw->nrc", down, thumbnails.astype(np.float32), across, optimize=True)
    rises = np.diff(cells, axis=2) > RISE
    bits = np.packbits(rises.reshape(len(thumbnails), 64), axis=1)
    return np.ascontiguousarray(bits).view(np.uint64).reshape(-1)


def _averaging(cells: int) -> npt.NDArray[np.float32]:
    """(cells, 16): each row the shares of the thumbnail's pixels in one cell, which sum to one."""
    edges = np.linspace(0, THUMBNAIL, cells + 1)
    pixels = np.arange(THUMBNAIL)
    shares = np.minimum(pixels + 1, edges[1:, None]) - np.maximum(pixels, edges[:-1, None])
    averaging: npt.NDArray[np.float32] = (np.clip(shares, 0, None) * cells / THUMBNAIL).astype(np.float32)
    return averaging
