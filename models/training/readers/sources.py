"""Where masks come from: files with a number or a colour a pixel, or outlines drawn one over the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from models.errors import DataError, PhotoError
from models.files import open_regular
from models.photo import guarded, inspect
from models.training.readers.run_lengths import drawn
from models.training.samples import IGNORED, Mask

Colours = Mapping[int, int]
"""A colour as 0xRRGGBB -> the value of a pixel."""

_NUMBERS = ("L", "P", "I", "I;16", "I;16L", "I;16B", "I;16N")


@dataclass(frozen=True, slots=True, eq=False)
class MaskFile:
    """A mask on disk. `values` uint8 (256,) turns a number in the file into one that training knows."""

    path: Path
    values: npt.NDArray[np.uint8]
    colours: Colours | None = None

    @property
    def name(self) -> str:
        return str(self.path)

    def load(self) -> Mask:
        return self.values[read_values(self.path, self.colours)]


@dataclass(frozen=True, slots=True, eq=False)
class MaskOutlines:
    """A mask drawn from outlines of one size, each with its value: crowds first, then the larger the earlier."""

    name: str
    height: int
    width: int
    outlines: tuple[tuple[int, Mapping[str, Any]], ...]

    def load(self) -> Mask:
        mask = np.zeros((self.height, self.width), dtype=np.uint8)
        layers = [(value, drawn(rle).astype(bool)) for value, rle in self.outlines]
        for value, area in sorted(layers, key=lambda one: (one[0] != IGNORED, -np.count_nonzero(one[1]))):
            mask[area] = value
        return mask


def read_values(path: Path, colours: Colours | None = None) -> Mask:
    """uint8 (h, w): the numbers in a mask, of a palette image its indices. Raises DataError.

    A mask in colour is read where `colours` are known, or where it is grey all the same.
    """
    try:
        with open_regular(str(path)) as file:
            image = _image(file.read())
    except (OSError, ValueError) as error:
        raise DataError(f"the mask {path} cannot be read: {' '.join(str(error).split())}") from None
    except PhotoError as error:
        raise DataError(f"the mask {path} cannot be read: {error.sentence}") from None
    if image.mode in _NUMBERS:
        return _numbers(path, np.asarray(image))
    if image.mode == "1":
        return np.asarray(image).astype(np.uint8)
    return _from_colours(path, np.asarray(image.convert("RGB")), colours)


def _image(data: bytes) -> Image.Image:
    """Of the formats of photos, and no other: some run programs. Raises PhotoError."""
    name = inspect(data).format

    def load() -> Image.Image:
        image = Image.open(BytesIO(data), formats=[name])
        image.load()
        return image

    return guarded(data, name, load)


def _numbers(path: Path, values: npt.NDArray[Any]) -> Mask:
    if values.min() < 0 or values.max() > 255:
        raise DataError(
            f"the mask {path} has values from {values.min()} to {values.max()}; save it with 0 to 255"
        )
    return values.astype(np.uint8)


def _from_colours(path: Path, pixels: npt.NDArray[np.uint8], colours: Colours | None) -> Mask:
    red, green, blue = (pixels[:, :, k].astype(np.int32) for k in range(3))
    if colours is None:
        if (red != green).any() or (red != blue).any():
            raise DataError(
                f"the mask {path} is in colour; save it with one channel, the number of a label a pixel"
            )
        return red.astype(np.uint8)
    found, where = np.unique(red << 16 | green << 8 | blue, return_inverse=True)
    strange = [f"#{colour:06x}" for colour in found.tolist() if colour not in colours]
    if strange:
        raise DataError(
            f"the mask {path} has the colour {strange[0]}, which stands for no label; correct the mask"
        )
    values = np.array([colours[colour] for colour in found.tolist()], dtype=np.uint8)
    return values[where].reshape(red.shape)
