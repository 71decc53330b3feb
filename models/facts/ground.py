"""The product told apart by the ground's colour, and what kind of ground it is. On small squares, many at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from models.facts.quality import Light

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float32]

SIDE = 64
"""Side of the squares that colours are looked at in; their pixels are shares of the photo, whatever its shape."""
RIM = 2
"""Pixels along the edges that are taken for ground."""
PARTS = 8
"""Pieces of the rim, each with a colour of its own: light that falls off to one side is one ground."""
SAME = 12.0
"""Distance in L*a*b* up to which a pixel has the ground's colour."""
PLAIN = 0.8
"""Share of the rim that one colour has on a plain ground."""
ROUGH = 3.0
"""Brightness (of 255) by which neighbouring pixels of a plain ground differ at most; of carpets and planks by more."""
ROUNDS = 3
"""Sweeps of the flood: enough for all but mazes."""


def _rim() -> Bools:
    rim = np.ones((SIDE, SIDE), np.bool_)
    rim[RIM:-RIM, RIM:-RIM] = False
    return rim


def _parts() -> list[npt.NDArray[np.intp]]:
    """The rim's pixels by direction from the middle, as places in the flattened square."""
    y, x = np.nonzero(RIM_PIXELS)
    turn = (np.arctan2(y - SIDE / 2 + 0.5, x - SIDE / 2 + 0.5) + np.pi) / (2 * np.pi)
    part = np.minimum((turn * PARTS).astype(int), PARTS - 1)
    return [(y * SIDE + x)[part == k] for k in range(PARTS)]


RIM_PIXELS = _rim()
RIM_PARTS = _parts()


def products(lab: Floats) -> Bools:
    """What is not ground in squares (N, SIDE, SIDE, 3) of L*a*b*: neither of a colour of the rim, nor a hole.

    Ground is what hangs together with the rim and has the median colour of a piece of it. So a white print on a black
    shirt on white is product.
    """
    flat = lab.reshape(len(lab), -1, 3)
    grounds = np.stack([_middle(flat[:, part], axis=1) for part in RIM_PARTS], axis=1)
    # |pixel - ground|² by its parts: one multiplication of matrices for all pixels and grounds.
    distance = _squared(grounds)[..., None] - 2 * grounds @ flat.swapaxes(1, 2)
    alike = distance.min(axis=1) + _squared(flat) < SAME**2
    return ~_flooded(alike.reshape(-1, SIDE, SIDE))


def plain(lab: Floats, grey: Light, product: Bools) -> bool:
    """Whether the rim of one square, where it is not `product`, has one colour and no texture.

    A product all around is no ground.
    """
    ground = RIM_PIXELS & ~product
    rim = lab[ground]
    if len(rim) < RIM_PIXELS.sum() / 4:
        return False
    same = np.count_nonzero(_squared(rim - _middle(rim, axis=0)) < SAME**2)
    return bool(same >= PLAIN * len(rim)) and _roughness(grey, ground) <= ROUGH


def _roughness(grey: Light, ground: Bools) -> float:
    """Mean difference of neighbouring pixels of the ground."""
    across = np.abs(np.diff(grey, axis=1))[ground[:, 1:] & ground[:, :-1]]
    down = np.abs(np.diff(grey, axis=0))[ground[1:] & ground[:-1]]
    return float((across.sum() + down.sum()) / max(1, len(across) + len(down)))


def _middle(values: Floats, axis: int) -> Floats:
    """The median; of an even number of values the upper one."""
    half = values.shape[axis] // 2
    middle: Floats = np.partition(values, half, axis=axis).take(half, axis=axis)
    return middle


def _squared(vectors: Floats) -> Floats:
    """Squares of the lengths of vectors (…, 3)."""
    found: Floats = np.einsum("...k,...k->...", vectors, vectors)
    return found


def _flooded(ground: Bools) -> Bools:
    """Of `ground` (N, SIDE, SIDE) what the rim reaches: swept over in all four directions, `ROUNDS` times."""
    room = np.ascontiguousarray(ground.transpose(1, 2, 0))
    reached = room & RIM_PIXELS[..., None]
    for _ in range(ROUNDS):
        for flood, free in ((reached, room), (reached.swapaxes(0, 1), room.swapaxes(0, 1))):
            for k in range(1, SIDE):
                flood[k] |= flood[k - 1] & free[k]
            for k in range(SIDE - 2, -1, -1):
                flood[k] |= flood[k + 1] & free[k]
    return reached.transpose(2, 0, 1)
