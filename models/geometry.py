"""Where a photo lies in a network's input, and the way back. Plain arithmetic, free of torch.

Coordinates are continuous: pixel k covers k to k + 1, so its centre is at k + 0.5.
"""

from __future__ import annotations

from dataclasses import dataclass

from models.predictions import Box
from models.spec import STRIDE, Preprocessing


@dataclass(frozen=True, slots=True)
class Placement:
    """A photo of `photo_width` x `photo_height` pixels, scaled to `width` x `height` and laid at (`left`,
    `top`).

    All but the photo's size is in pixels of the input, which is `input_width` x `input_height`. A centre
    crop has negative `left` or `top`: the photo reaches beyond the input.
    """

    photo_width: int
    photo_height: int
    input_width: int
    input_height: int
    left: int
    top: int
    width: int
    height: int

    def to_input(self, box: Box) -> Box:
        """A box in photo pixels as a box in input pixels."""
        across, down = self.width / self.photo_width, self.height / self.photo_height
        return Box(
            self.left + box.left * across,
            self.top + box.top * down,
            self.left + box.right * across,
            self.top + box.bottom * down,
        )

    def to_photo(self, box: Box) -> Box:
        """A box in input pixels as a box in photo pixels, clipped to the photo; it may come out empty."""
        across, down = self.photo_width / self.width, self.photo_height / self.height
        return Box(
            _clip((box.left - self.left) * across, self.photo_width),
            _clip((box.top - self.top) * down, self.photo_height),
            _clip((box.right - self.left) * across, self.photo_width),
            _clip((box.bottom - self.top) * down, self.photo_height),
        )


def place(width: int, height: int, how: Preprocessing) -> Placement:
    """The placement of a photo of `width` x `height` pixels."""
    size = how.size
    if how.fit == "squash":
        return Placement(width, height, size, size, 0, 0, size, size)
    if how.fit == "crop":
        short = how.resize or size
        wide, high = _short_side(width, height, short)
        return Placement(width, height, size, size, -_half(wide - size), -_half(high - size), wide, high)
    scale = size / max(width, height)
    if how.fit == "native":
        scale = min(1.0, scale)
    wide, high = max(1, round(width * scale)), max(1, round(height * scale))
    if how.fit == "native":
        return Placement(width, height, _padded(wide), _padded(high), 0, 0, wide, high)
    return Placement(width, height, size, size, (size - wide) // 2, (size - high) // 2, wide, high)


def _short_side(width: int, height: int, short: int) -> tuple[int, int]:
    """Sides once the shorter is `short`; the longer is cut to a whole number, as torchvision does."""
    if width <= height:
        return short, short * height // width
    return short * width // height, short


def _half(excess: int) -> int:
    # Python rounds halves to even, and so does torchvision's center_crop.
    return round(excess / 2)


def _padded(side: int) -> int:
    return -(-side // STRIDE) * STRIDE


def _clip(value: float, limit: int) -> float:
    return min(max(value, 0.0), float(limit))
