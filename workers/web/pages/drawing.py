"""A photo as templates draw it: which model's masks and boxes lie over it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from catalog.showing import Box, Photo

SMALL = 200
"""Pixels: a photo that is narrower is drawn larger than it is, else it would be a stamp."""


@dataclass(frozen=True, slots=True)
class Layer:
    """What a model said of a photo; `shown` at first, or not. `count` is of boxes."""

    model: str
    name: str
    count: int | None
    shown: bool


@dataclass(frozen=True, slots=True)
class Drawing:
    """`masks` are the models that have one. Without `layers` all of it is shown."""

    image_id: int
    width: int
    height: int
    alt: str
    boxes: tuple[Box, ...]
    masks: tuple[str, ...]
    layers: tuple[Layer, ...]

    @property
    def hidden(self) -> frozenset[str]:
        """Models whose layer is not shown at first: a mask changes the colours below it."""
        return frozenset(layer.model for layer in self.layers if not layer.shown)

    @property
    def small(self) -> bool:
        return self.width < SMALL


def drawing(photo: Photo, alt: str) -> Drawing:
    """All of a photo's layers, masks first."""
    masks = tuple(dict.fromkeys(segment.model for segment in photo.segments))
    boxes = Counter(box.model for box in photo.boxes)
    layers = [Layer(model, _name("Mask", model, len(masks)), None, False) for model in masks]
    layers += [Layer(model, _name("Boxes", model, len(boxes)), count, True) for model, count in boxes.items()]
    return Drawing(photo.image_id, photo.width, photo.height, alt, photo.boxes, masks, tuple(layers))


def _name(kind: str, model: str, several: int) -> str:
    """The model is named where there are several of a kind."""
    return f"{kind}, {model}" if several > 1 else kind
