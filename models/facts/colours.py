"""Pixels to colours with names: a table of shades, unfolded once, so that a pixel's name is a look-up."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from models.facts.cielab import ciede2000, lab
from models.facts.palette import PALETTE
from models.predictions import Colour

Pixels = npt.NDArray[np.uint8]
Bools = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.intp]

BITS = 5
"""Of each channel, in a look-up: 32,768 colours, steps of 8. Finer steps change no name that people would miss."""
MOST, LEAST = 5, 0.04
"""Colours told of a photo, and the share of the product from which one is told."""


class ColourTable(nn.Module):
    """The weights: for each name, L*a*b* (shades, 3). They are no network: `Names` is what works with them."""

    def __init__(self) -> None:
        super().__init__()
        for name, shades in PALETTE.items():
            self.register_buffer(name, torch.zeros(len(shades), 3))

    def shades(self) -> dict[str, Tensor]:
        return dict(self.named_buffers())


class Names:
    """A table's names, and for each pixel the nearest one."""

    def __init__(self, table: ColourTable) -> None:
        """Takes half a second: every colour is compared with every shade, by CIEDE2000."""
        shades = table.shades()
        self.names = tuple(shades)
        steps = (np.arange(1 << BITS) << (8 - BITS)) + (1 << (7 - BITS))
        colours = lab(np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3))
        self.lab = colours.astype(np.float32)
        distances = [ciede2000(colours[:, None], one.double().numpy()).min(axis=1) for one in shades.values()]
        self._nearest = np.argmin(distances, axis=0)

    def colours(self, pixels: Pixels, codes: Codes) -> tuple[Colour, ...]:
        """What `pixels` (n, 3), at least one, with these codes consist of, the largest share first.

        The hex of a name is the mean of its pixels. A share is of all pixels, also where small ones are left out.
        """
        named = self._nearest[codes]
        counts = np.bincount(named, minlength=len(self.names))
        sums = np.stack([np.bincount(named, pixels[:, k], len(self.names)) for k in range(3)], axis=-1)
        largest = np.argsort(-counts, kind="stable")[:MOST]
        kept = [k for n, k in enumerate(largest) if n == 0 or counts[k] >= LEAST * len(named)]
        return tuple(
            Colour(self.names[k], _hex(sums[k] / counts[k]), float(counts[k] / len(named))) for k in kept
        )


def codes_of(pixels: Pixels) -> Codes:
    """The place of each colour (…, 3) in a look-up of `BITS`."""
    levels = (pixels >> (8 - BITS)).astype(np.intp)
    return (levels[..., 0] << 2 * BITS) + (levels[..., 1] << BITS) + levels[..., 2]


def _hex(mean: npt.NDArray[np.float64]) -> str:
    return "#" + bytes(np.rint(mean).astype(np.uint8)).hex()
