"""Photos to a batch, and a batch to the numbers a network wants. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from models.decode import Photo
from models.geometry import Placement
from models.spec import Preprocessing


def make_batch(photos: Sequence[Photo], placements: Sequence[Placement], how: Preprocessing) -> Tensor:
    """One uint8 batch (N, 3, H, W), channels last in memory: a quarter of the bytes of float on the way to
    a GPU.

    All placements must have the same input size. What a photo does not cover has the mean colour.
    """
    first = placements[0]
    shape = (len(photos), 3, first.input_height, first.input_width)
    batch = torch.empty(shape, dtype=torch.uint8, memory_format=torch.channels_last)
    for row, photo, placement in zip(batch, photos, placements, strict=True):
        _lay(row, photo, placement, how)
    return batch


def scaled(photo: Photo, place: Placement, how: Preprocessing) -> Tensor:
    """The photo in the size of its placement, and nothing around it: uint8 (3, height, width)."""
    return _resize(_tensor(photo), place.height, place.width, how)


def normalise(batch: Tensor, how: Preprocessing) -> Tensor:
    """uint8 (N, 3, H, W) to float32: (value / 255 - mean) / std, on the batch's device, in its layout."""
    std = torch.tensor(how.std, device=batch.device).view(1, 3, 1, 1)
    mean = torch.tensor(how.mean, device=batch.device).view(1, 3, 1, 1)
    return batch.float().mul_(1.0 / (255.0 * std)).sub_(mean / std)


def _lay(row: Tensor, photo: Photo, place: Placement, how: Preprocessing) -> None:
    """Scale one photo and write the part that lies inside the input."""
    if place.width < place.input_width or place.height < place.input_height:
        row.copy_(mean_colour(how).view(3, 1, 1).expand_as(row))
    left, top = max(place.left, 0), max(place.top, 0)
    width = min(place.left + place.width, place.input_width) - left
    height = min(place.top + place.height, place.input_height) - top
    image = _tensor(photo)
    if place.width * place.height > 16 * width * height:
        # A crop keeps little of a very long photo: cut first, or scaling would fill the memory.
        image = _cut(image, place)
        scaled = _resize(image, height, width, how)
    else:
        scaled = _resize(image, place.height, place.width, how)
        scaled = scaled[:, top - place.top :, left - place.left :]
    row[:, top : top + height, left : left + width] = scaled[:, :height, :width]


def _tensor(photo: Photo) -> Tensor:
    pixels = photo.pixels if photo.pixels.flags.writeable else photo.pixels.copy()
    return torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1)


def _cut(image: Tensor, place: Placement) -> Tensor:
    """The pixels of (3, h, w) that fall inside the input, to the nearest pixel."""
    rows = _span(image.shape[1], place.top, place.height, place.input_height)
    columns = _span(image.shape[2], place.left, place.width, place.input_width)
    return image[:, rows, columns]


def _span(pixels: int, start: int, length: int, limit: int) -> slice:
    first = round(max(-start, 0) / length * pixels)
    last = round(min(limit - start, length) / length * pixels)
    first = min(first, pixels - 1)
    return slice(first, max(last, first + 1))


def _resize(image: Tensor, height: int, width: int, how: Preprocessing) -> Tensor:
    """(3, h, w) scaled with antialiasing; torch has vector instructions for uint8 with channels last."""
    if image.shape[1:] == (height, width):
        return image
    mode = how.interpolation
    return F.interpolate(image[None], size=(height, width), mode=mode, antialias=True, align_corners=False)[0]


def mean_colour(how: Preprocessing) -> Tensor:
    """uint8 (3,): what the network takes for nothing."""
    return torch.tensor([min(max(round(255 * mean), 0), 255) for mean in how.mean], dtype=torch.uint8)
