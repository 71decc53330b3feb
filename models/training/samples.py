"""Labelled photos, whatever they were read from: the one form that splitting, training and measuring know.

Boxes and masks are in pixels of the photo after EXIF orientation, as predictions are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image

from models.decode import Photo, decode
from models.files import read_regular
from models.photo import Limits, Sides
from models.predictions import Box

TrainableTask = Literal["classify", "detect", "segment"]
Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = ("train", "val", "test")

Mask = npt.NDArray[np.uint8]
IGNORED = 255
"""Value of mask pixels that nobody judged: they count neither in the loss nor in the figures."""


class PhotoSource(Protocol):
    """Where one photo comes from. `name` is for people: a path, or a place in a data set."""

    @property
    def name(self) -> str: ...

    def load(self, sides: Sides | None = None) -> Photo:
        """The photo, scaled down at most to `sides`. Raises PhotoError."""


class MaskSource(Protocol):
    """Where one photo's mask comes from."""

    @property
    def name(self) -> str: ...

    def load(self) -> Mask:
        """uint8 (height, width): 0 background, k the k-th label from 1, `IGNORED`. Raises DataError."""


@dataclass(frozen=True, slots=True)
class PhotoFile:
    """A photo on disk."""

    path: Path

    @property
    def name(self) -> str:
        return str(self.path)

    def load(self, sides: Sides | None = None) -> Photo:
        limits = Limits()
        return decode(read_regular(self.path, limits.max_bytes), sides=sides, limits=limits)


@dataclass(frozen=True, slots=True, eq=False)
class PhotoPixels:
    """A photo in memory: uint8 (h, w, 3) RGB or (h, w) grey."""

    pixels: npt.NDArray[np.uint8]
    name: str

    def load(self, sides: Sides | None = None) -> Photo:  # noqa: ARG002 - there is nothing to decode
        grey = self.pixels.ndim == 2
        pixels = np.repeat(self.pixels[:, :, None], 3, axis=2) if grey else self.pixels
        return Photo(np.ascontiguousarray(pixels), pixels.shape[1], pixels.shape[0])


@dataclass(frozen=True, slots=True, eq=False)
class PhotoItem:
    """The photo of one item of a data set whose items begin with a PIL image."""

    items: Sequence[tuple[Any, ...]]
    index: int
    name: str

    def load(self, sides: Sides | None = None) -> Photo:  # noqa: ARG002 - the set decodes as it likes
        image: Image.Image = self.items[self.index][0]
        return Photo(np.array(image.convert("RGB")), image.width, image.height)


@dataclass(frozen=True, slots=True)
class Instance:
    """One object in a photo. `rle` is its mask in COCO's run lengths (`size` [height, width] and `counts`)."""

    label: str
    box: Box
    rle: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """One photo with what people say of it; `origin` is the file, or `file:line`, where they say so.

    Which of `label`, `instances` and `mask` is set goes by the task. Photos of one `product` never straddle the
    splits. `split` is set where the data say themselves; `second` is another annotator's label or instances.
    `size` is the (width, height) that the boxes were drawn on, where the data say so: the photo must have it.
    """

    photo: PhotoSource
    product: str
    origin: str
    label: str | None = None
    instances: tuple[Instance, ...] | None = None
    mask: MaskSource | None = None
    split: Split | None = None
    second: str | tuple[Instance, ...] | None = None
    size: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that was left out, and why: `code` is a snake_case word for machines."""

    origin: str
    code: str
    sentence: str


@dataclass(frozen=True, slots=True)
class LabelledPhotos:
    """What a reader found. `labels` in the order that the network's outputs will have; background is none."""

    source: str
    task: TrainableTask
    labels: tuple[str, ...]
    samples: tuple[Sample, ...]
    problems: tuple[Problem, ...] = field(default=())
