"""Composed shelf photos: several products over a background, with their boxes and masks known exactly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from models.starter.cutout import Cutout, cut_out
from models.starter.textures import SURFACES, Maker, Surface, background, random_colour

# Sandals and bags have openings that one sees through; in other products an enclosed black spot is a print.
OPEN_LABELS = frozenset((5, 8))
SMALL_HOLE = 8
TRIES = 40


@dataclass(frozen=True, slots=True)
class ShelfPhoto:
    """A photo and what is in it.

    `pixels` uint8 (h, w, 3) RGB. `boxes` float32 (k, 4): left, top, right, bottom in pixels, right and bottom
    exclusive, tight to the visible part. `labels` int64 (k,): indices into Fashion-MNIST's labels. `mask` uint8
    (h, w): 0 is background, i + 1 is product i.
    """

    pixels: npt.NDArray[np.uint8]
    boxes: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]
    mask: npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class ShelfStyle:
    """What to compose: ranges are inclusive.

    `scale` is the side of a product's square frame as a share of the photo's shorter side. `cards` is the share of
    products that stand on a rectangle of their own, as a photo pasted whole does.
    """

    sides: tuple[int, int] = (480, 800)
    products: tuple[int, int] = (2, 6)
    scale: tuple[float, float] = (0.2, 0.55)
    shadows: float = 0.4
    cards: float = 0.0
    noise: float = 6.0
    surfaces: tuple[Maker, ...] = SURFACES


def compose(
    photos: npt.NDArray[np.uint8], labels: npt.NDArray[np.int64], seed: int, style: ShelfStyle | None = None
) -> ShelfPhoto:
    """A shelf photo of products drawn at random from `photos` (n, 28, 28) of bright on black.

    The same arguments give the same photo. At least one product is always placed.
    """
    style = style or ShelfStyle()
    rng = np.random.default_rng(seed)
    width, height = (int(side) for side in rng.integers(style.sides[0], style.sides[1] + 1, 2))
    surface = background(rng, height, width, style.surfaces)
    mask = np.zeros((height, width), np.uint8)
    taken: list[tuple[int, int, int, int]] = []
    placed: list[int] = []
    wanted = int(rng.integers(style.products[0], style.products[1] + 1))
    side = rng.uniform(*style.scale) * min(height, width)
    for _ in range(wanted):
        item = int(rng.integers(len(photos)))
        own = float(
            np.clip(
                side * rng.uniform(0.7, 1.3), style.scale[0] * min(height, width), 0.95 * min(height, width)
            )
        )
        cutout = _visible_cutout(photos[item], int(labels[item]), rng, own, surface)
        spot = _free_spot(rng, cutout.alpha.shape, (height, width), taken)
        if spot is None or not cutout.alpha.size:
            continue
        taken.append(spot)
        _paste(surface, mask, cutout, spot, len(placed) + 1, rng, style)
        placed.append(int(labels[item]))
    return _finish(surface, mask, placed, rng, style)


def _visible_cutout(
    photo: npt.NDArray[np.uint8], label: int, rng: np.random.Generator, side: float, surface: Surface
) -> Cutout:
    """A cutout whose colours differ from the background's mean, or the best of a few tries."""
    size = (max(12, int(side * rng.uniform(0.85, 1.15))), max(12, int(side)))
    holes = SMALL_HOLE if label in OPEN_LABELS else 784
    mean = surface[::8, ::8].mean(axis=(0, 1))
    best, best_contrast = None, -1.0
    for _ in range(4):
        cutout = cut_out(photo, rng, size=size, fill_up_to=holes)
        weight = cutout.alpha[..., None]
        contrast = float((np.abs(cutout.colour - mean) * weight).sum() / max(1.0, 3 * float(weight.sum())))
        if contrast > best_contrast:
            best, best_contrast = cutout, contrast
        if contrast > 35:
            break
    assert best is not None
    return best


def _free_spot(
    rng: np.random.Generator,
    shape: tuple[int, ...],
    photo: tuple[int, int],
    taken: list[tuple[int, int, int, int]],
) -> tuple[int, int, int, int] | None:
    """Left, top, right, bottom for a cutout of `shape`, overlapping others by 6 % of its area at most."""
    tall, wide = shape
    if tall >= photo[0] or wide >= photo[1]:
        return None
    for _ in range(TRIES):
        top, left = int(rng.integers(photo[0] - tall)), int(rng.integers(photo[1] - wide))
        spot = (left, top, left + wide, top + tall)
        if all(_shared(spot, other) <= 0.06 * min(tall * wide, _area(other)) for other in taken):
            return spot
    return None


def _area(box: tuple[int, int, int, int]) -> int:
    return max(0, box[2] - box[0]) * max(0, box[3] - box[1])


def _shared(one: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> int:
    return _area((max(one[0], other[0]), max(one[1], other[1]), min(one[2], other[2]), min(one[3], other[3])))


def _paste(
    surface: Surface,
    mask: npt.NDArray[np.uint8],
    cutout: Cutout,
    spot: tuple[int, int, int, int],
    number: int,
    rng: np.random.Generator,
    style: ShelfStyle,
) -> None:
    left, top, right, bottom = spot
    if rng.random() < style.cards:
        margin = int(rng.uniform(0.02, 0.15) * max(cutout.alpha.shape))
        card = np.s_[max(0, top - margin) : bottom + margin, max(0, left - margin) : right + margin]
        colour = (
            np.full(3, rng.choice([0.0, 255.0]), np.float32) if rng.random() < 0.7 else random_colour(rng)
        )
        surface[card] = np.where(mask[card][..., None] > 0, surface[card], colour)
    elif rng.random() < style.shadows:
        _shade(surface, cutout.alpha, left, top, rng)
    window = np.s_[top:bottom, left:right]
    alpha = cutout.alpha[..., None]
    surface[window] = surface[window] * (1 - alpha) + cutout.colour * alpha
    mask[window][cutout.alpha > 0.5] = number


def _shade(
    surface: Surface, alpha: npt.NDArray[np.float32], left: int, top: int, rng: np.random.Generator
) -> None:
    """A soft shadow under the product, a little to one side."""
    reach = max(2, int(0.06 * max(alpha.shape)))
    dark = Image.fromarray((np.pad(alpha, reach) * 255).astype(np.uint8))
    soft = (
        np.asarray(dark.filter(ImageFilter.GaussianBlur(reach / 2)), dtype=np.float32)
        / 255
        * rng.uniform(0.15, 0.5)
    )
    row = top - reach + int(rng.uniform(0, reach))
    column = left - reach + int(rng.uniform(-reach / 2, reach / 2))
    rows, columns = max(0, row), max(0, column)
    window = surface[rows : row + soft.shape[0], columns : column + soft.shape[1]]
    cut = soft[
        rows - row : rows - row + window.shape[0], columns - column : columns - column + window.shape[1]
    ]
    window *= 1 - cut[..., None]


def _finish(
    surface: Surface,
    mask: npt.NDArray[np.uint8],
    placed: list[int],
    rng: np.random.Generator,
    style: ShelfStyle,
) -> ShelfPhoto:
    """Camera noise, then the truth: boxes tight to what is visible; products hidden by others are left out."""
    height, width = mask.shape
    noise = rng.standard_normal((height, width, 1), dtype=np.float32) * np.float32(
        rng.uniform(0, style.noise)
    )
    pixels = np.clip(surface + noise, 0, 255).astype(np.uint8)
    boxes, labels = [], []
    final = np.zeros_like(mask)
    for number, label in enumerate(placed, start=1):
        visible = mask == number
        rows, columns = np.flatnonzero(visible.any(axis=1)), np.flatnonzero(visible.any(axis=0))
        if not len(rows):
            continue
        boxes.append((columns[0], rows[0], columns[-1] + 1, rows[-1] + 1))
        labels.append(label)
        final[visible] = len(boxes)
    return ShelfPhoto(pixels, np.array(boxes, np.float32).reshape(-1, 4), np.array(labels, np.int64), final)
