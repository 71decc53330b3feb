"""What a model says about a photo: plain values, free of torch, that every layer may read.

Boxes and masks are in pixels of the original photo after EXIF orientation: the origin is the top left
corner, x grows to the right, y grows downwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from models.runs import Runs

Task = Literal["classify", "detect", "segment", "embed", "describe"]
Background = Literal["packshot", "lifestyle"]


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in photo pixels; `right` and `bottom` are exclusive."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def area(self) -> float:
        return max(0.0, self.right - self.left) * max(0.0, self.bottom - self.top)


@dataclass(frozen=True, slots=True)
class Score:
    """A label and how sure the model is of it, 0 to 1."""

    label: str
    score: float


@dataclass(frozen=True, slots=True)
class Classification:
    """Labels of the whole photo, best first."""

    scores: tuple[Score, ...]


@dataclass(frozen=True, slots=True)
class Detection:
    """One object found in the photo."""

    label: str
    score: float
    box: Box


@dataclass(frozen=True, slots=True)
class Detections:
    """All objects found in the photo, best first; empty is a valid answer."""

    items: tuple[Detection, ...]


@dataclass(frozen=True, slots=True)
class Segment:
    """One label of a mask: its tight box, its share of the photo's area (0 to 1) and its mean score."""

    label: str
    score: float
    box: Box
    area: float


@dataclass(frozen=True, slots=True)
class Segmentation:
    """A mask of the whole photo.

    In its `runs` 0 is background, and k is the k-th label of the model (from 1). `segments` has one entry for each
    label present, largest first; empty is a valid answer.
    """

    runs: Runs
    segments: tuple[Segment, ...]

    @property
    def mask(self) -> npt.NDArray[np.uint8]:
        """The pixels of `runs`, made anew at each call: uint8 (height, width)."""
        return self.runs.mask()


@dataclass(frozen=True, slots=True)
class Embedding:
    """A unit vector, float32 of shape (width,): the dot product of two is their cosine similarity."""

    vector: npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Colour:
    """A named colour; `hex` (#rrggbb) is the mean of its pixels, `share` of the product is 0 to 1."""

    name: str
    hex: str
    share: float


@dataclass(frozen=True, slots=True)
class Facts:
    """What is measured of a photo.

    `colours` are the product's, largest first, at least one. `sharpness` is 0 blurred to 1 sharp, `exposure` -1 too
    dark to 1 too bright, `product_share` of the photo 0 to 1. `masked`: whether a mask told the product apart, or only
    the ground's colour. `perceptual_hash` is a signed 64-bit integer that differs in few bits for photos that look the
    same.
    """

    colours: tuple[Colour, ...]
    sharpness: float
    exposure: float
    background: Background
    product_share: float
    masked: bool
    perceptual_hash: int


Prediction = Classification | Detections | Segmentation | Embedding | Facts
