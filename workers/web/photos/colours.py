"""Which colour a label of a mask has, on the photo and in its legend."""

from __future__ import annotations

Colour = tuple[int, int, int]

# Told apart by eye, also by most people who see fewer colours: https://jfly.uni-koeln.de/color/, lightened.
_COLOURS: tuple[Colour, ...] = (
    (37, 99, 235),
    (230, 120, 20),
    (0, 158, 115),
    (204, 90, 160),
    (240, 200, 40),
    (86, 180, 233),
    (200, 50, 50),
    (120, 90, 200),
)


def colour(number: int) -> Colour:
    """RGB of the label with this number in a mask, which begin with 1."""
    return _COLOURS[(number - 1) % len(_COLOURS)]
