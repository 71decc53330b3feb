"""A photo as templates draw it: which model's masks and boxes lie over it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from catalog.showing import Box, Photo

SMALL = 200
"""Pixels: a photo that is narrower is drawn larger than it is, else it would be a stamp."""


@dataclass(frozen=True, slots=True)
class Layer:
    """What a model said of a photo, shown or not."""

    model: str
    text: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """`masks` are the models that have one."""

    image_id: int
    width: int
    height: int
    alt: str
    boxes: tuple[Box, ...]
    masks: tuple[str, ...]
    layers: tuple[Layer, ...]

    @property
    def small(self) -> bool:
        return self.width < SMALL


def drawing(photo: Photo, alt: str) -> Drawing:
    """All of a photo's layers, masks first."""
    masks = tuple(dict.fromkeys(segment.model for segment in photo.segments))
    boxes = Counter(box.model for box in photo.boxes)
    layers = [Layer(model, "mask") for model in masks]
    layers += [Layer(model, f"{count} {'box' if count == 1 else 'boxes'}") for model, count in boxes.items()]
    return Drawing(photo.image_id, photo.width, photo.height, alt, photo.boxes, masks, tuple(layers))
