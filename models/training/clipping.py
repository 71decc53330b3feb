"""Boxes that reach beyond their photo. Plain arithmetic."""

from __future__ import annotations

from models.predictions import Box

SLIP = 1.0
"""Pixels that a box may reach beyond its photo by rounding, or by counting pixels from 1."""


def clipped(box: Box, width: int, height: int) -> Box | None:
    """The part of `box` that lies on a photo of `width` x `height` pixels, or None where there is none."""
    inner = Box(max(box.left, 0.0), max(box.top, 0.0), min(box.right, width), min(box.bottom, height))
    return inner if inner.area > 0 else None


def overhang(box: Box, width: int, height: int) -> float:
    """How many pixels `box` reaches beyond the photo, at the side where it is most."""
    return max(-box.left, -box.top, box.right - width, box.bottom - height, 0.0)


def shown(box: Box) -> str:
    """A box for people: its left, top, right and bottom."""
    return ", ".join(f"{side:g}" for side in (box.left, box.top, box.right, box.bottom))
