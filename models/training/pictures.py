"""Pictures of the report as data URIs: small JPEGs, none of them a link to anywhere."""

from __future__ import annotations

import base64
import io

import numpy as np
import numpy.typing as npt
from PIL import Image

from models.training.samples import IGNORED, Mask

Pixels = npt.NDArray[np.uint8]

RIGHT, MISSED, ADDED, WRONG = (38, 166, 154), (66, 133, 255), (255, 122, 26), (226, 29, 72)
"""Of a label in the answer: rightly there, not there, there for nothing, there for another label."""
UNJUDGED = (150, 108, 255)
"""An answer where the true mask is not known."""

_TINT = 0.62
_TINY = 64  # pixels a side below which JPEG's blocks would be seen


def jpeg(pixels: Pixels) -> str:
    """Pixels uint8 RGB (h, w, 3)."""
    buffer = io.BytesIO()
    tiny = max(pixels.shape[:2]) <= _TINY
    Image.fromarray(pixels).save(buffer, "JPEG", quality=95 if tiny else 76, subsampling=0 if tiny else 2)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


def overlay(picture: Pixels, known: Mask | None, found: Mask) -> Pixels:
    """The picture in grey, tinted where a mask says something; without a known mask only what was found is shown."""
    grey = np.asarray(Image.fromarray(picture).convert("L"), np.float32)[:, :, None].repeat(3, axis=2)
    colour = np.zeros_like(grey)
    told = np.zeros(found.shape, bool)
    for here, tint in _areas(known, found):
        colour[here] = tint
        told |= here
    alpha = _TINT * told[:, :, None]
    return np.asarray(grey * (1 - alpha) + colour * alpha, np.uint8)


def _areas(known: Mask | None, found: Mask) -> list[tuple[npt.NDArray[np.bool_], tuple[int, int, int]]]:
    if known is None:
        return [(found > 0, UNJUDGED)]
    judged = known != IGNORED
    there, answered = (known > 0) & judged, (found > 0) & judged
    return [
        (there & (known == found), RIGHT),
        (there & ~answered, MISSED),
        (~there & answered, ADDED),
        (there & answered & (known != found), WRONG),
    ]
