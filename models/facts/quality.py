"""How good a photo is: whether it is sharp, and whether its light is right. The figures are in the model card."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Light = npt.NDArray[np.int16]

REACH = 9
"""Pixels over which a photo is blurred once more, to see what that takes away."""
BLURRED, SHARP = 0.15, 0.65
"""What a further blur takes away of a blurred and of a sharp photo's changes: the ends of the scale."""
DIM = 200
"""Brightness (0 to 255) that the light parts of a well exposed photo reach."""
BLOWN = 250
"""Brightness of all three channels from which nothing is to be seen any more."""


def light_of(planes: npt.NDArray[np.uint8]) -> Light:
    """Brightness of RGB planes (3, …), 0 to 255, by Rec. 601."""
    red, green, blue = planes.astype(np.uint16)
    light: Light = ((red * 77 + green * 150 + blue * 29) >> 8).astype(np.int16)
    return light


def sharpness(light: Light) -> float:
    """0 blurred to 1 sharp, of a grey photo (h, w) from 0 to 255.

    After Crete et al., "The blur effect" (2007): blurring a sharp photo once more takes most of the changes between
    neighbouring pixels away, blurring a blurred one few. Both directions are looked at, the worse one counts.
    """
    taken = [_taken(light), _taken(np.ascontiguousarray(light.T))]
    found = [share for share in taken if share is not None]
    return float(np.clip((min(found) - BLURRED) / (SHARP - BLURRED), 0, 1)) if found else 0.0


def _taken(light: Light) -> float | None:
    """The share of changes down the columns that blurring takes away; None where nothing changes."""
    if len(light) <= REACH + 1:
        return None
    before = np.abs(np.diff(light, axis=0))
    # Of a running mean, neighbours differ by what comes in and what goes out.
    after = np.abs(light[REACH:] - light[:-REACH])
    first = (REACH - 1) // 2
    before = before[first : first + len(after)]
    total = int(before.sum(dtype=np.int64))
    kept = np.maximum(REACH * before - after, 0)
    return int(kept.sum(dtype=np.int64)) / (REACH * total) if total else None


def exposure(light: Light, product: npt.NDArray[np.uint8]) -> float:
    """-1 too dark to 1 too bright, of the whole photo's light (any shape) and the product's pixels (n, 3).

    Dark is a photo whose lightest twentieth is dim. Bright is one whose product is blown out: white grounds are meant.
    """
    darker = np.bincount(light.ravel(), minlength=256).cumsum()
    dark = max(0.0, (DIM - int(np.searchsorted(darker, 0.95 * darker[-1]))) / DIM)
    blown = (product[:, 0] >= BLOWN) & (product[:, 1] >= BLOWN) & (product[:, 2] >= BLOWN)
    bright = np.count_nonzero(blown) / len(product)
    return float(bright - dark)
