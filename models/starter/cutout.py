"""A product cut out of a Fashion-MNIST photo, enlarged, turned and coloured, ready to be pasted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from models.starter.textures import random_colour

INK = 12  # brighter than this is product; the set's black is not always quite zero
FILTERS = (Image.Resampling.BICUBIC, Image.Resampling.LANCZOS, Image.Resampling.BILINEAR)


@dataclass(frozen=True, slots=True)
class Cutout:
    """Colour float32 (h, w, 3), 0 to 255, and opacity float32 (h, w), 0 to 1, cropped to what is visible."""

    colour: npt.NDArray[np.float32]
    alpha: npt.NDArray[np.float32]


def silhouette(photo: npt.NDArray[np.uint8], *, fill_up_to: int = 784) -> npt.NDArray[np.bool_]:
    """Where the product is in a photo (h, w), bright on black. Holes of up to `fill_up_to` pixels are filled."""
    ink = photo > INK
    holes = ~_reached_from_outside(ink) & ~ink
    if holes.any() and fill_up_to < int(holes.sum()):
        holes &= ~_large_parts(holes, fill_up_to)
    solid = ink | holes
    return solid & ~_specks(solid)


def _grow(seed: npt.NDArray[np.bool_], allowed: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """All of `allowed` that touches `seed` over 4 neighbours."""
    reached = np.pad(seed & allowed, 1)
    room = np.pad(allowed, 1)
    count = 0
    while (found := int(np.count_nonzero(reached))) > count:
        count = found
        for _ in range(4):
            wider = reached.copy()
            wider[1:] |= reached[:-1]
            wider[:-1] |= reached[1:]
            wider[:, 1:] |= reached[:, :-1]
            wider[:, :-1] |= reached[:, 1:]
            reached = wider & room
    return reached[1:-1, 1:-1]


def _reached_from_outside(ink: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    rim = np.zeros_like(ink)
    rim[[0, -1]] = True
    rim[:, [0, -1]] = True
    return _grow(rim, ~ink)


def _parts(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint8]:
    """Connected parts (4 neighbours) numbered from 1; the 255th and later share a number."""
    parts = np.zeros(mask.shape, np.uint8)
    rest = mask.copy()
    number = 0
    while rest.any():
        number = min(number + 1, 255)
        seed = np.zeros_like(mask)
        seed.flat[int(rest.argmax())] = True
        part = _grow(seed, rest)
        parts[part] = number
        rest &= ~part
    return parts


def _large_parts(mask: npt.NDArray[np.bool_], size: int) -> npt.NDArray[np.bool_]:
    parts = _parts(mask)
    large: npt.NDArray[np.bool_] = (np.bincount(parts.ravel(), minlength=256) > size)[parts] & mask
    return large


def _specks(mask: npt.NDArray[np.bool_], share: float = 0.04) -> npt.NDArray[np.bool_]:
    parts = _parts(mask)
    counts = np.bincount(parts[mask], minlength=256)
    specks: npt.NDArray[np.bool_] = (counts < share * counts.max(initial=1))[parts] & mask
    return specks


def _spread(
    grey: npt.NDArray[np.float32], mask: npt.NDArray[np.bool_], rounds: int = 2
) -> npt.NDArray[np.float32]:
    """Carry the product's grey a little past its outline, so that enlarging does not draw a dark rim."""
    grey, known = grey * mask, mask.copy()
    for _ in range(rounds):
        padded, weight = np.pad(grey * known, 1), np.pad(known, 1).astype(np.float32)
        total = padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:]
        count = weight[:-2, 1:-1] + weight[2:, 1:-1] + weight[1:-1, :-2] + weight[1:-1, 2:]
        grey = np.where(known, grey, total / np.maximum(count, 1)).astype(np.float32)
        known = known | (count > 0)
    return grey


def two_colours(rng: np.random.Generator) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """The colours of black and white for one product: grey, inverted, or tinted either way."""
    dark = np.full(3, rng.uniform(0, 60), np.float32)
    light = np.full(3, rng.uniform(190, 255), np.float32)
    kind = rng.random()
    if kind < 0.5:  # one hue, from dark to light
        hue = random_colour(rng)
        light = np.clip(hue + rng.uniform(0, 90), 0, 255).astype(np.float32)
        dark = (light * rng.uniform(0.05, 0.45)).astype(np.float32)
    elif kind < 0.6:  # any two colours
        dark, light = random_colour(rng), random_colour(rng)
    return (light, dark) if rng.random() < 0.5 else (dark, light)


def _enlarge(
    field: npt.NDArray[np.float32], size: tuple[int, int], resample: Image.Resampling
) -> Image.Image:
    return Image.fromarray(field).resize(size, resample)


def _soften(field: Image.Image, radius: float) -> Image.Image:
    # Pillow blurs bytes, not floats.
    grey = np.clip(np.asarray(field, dtype=np.float32) * 255, 0, 255).astype(np.uint8)
    blurred = Image.fromarray(grey).filter(ImageFilter.GaussianBlur(radius))
    return Image.fromarray(np.asarray(blurred, dtype=np.float32) / 255)


def cut_out(
    photo: npt.NDArray[np.uint8],
    rng: np.random.Generator,
    *,
    size: tuple[int, int],
    fill_up_to: int = 784,
    colours: Sequence[npt.NDArray[np.float32]] | None = None,
) -> Cutout:
    """A product from a photo (28, 28), drawn as if its 28 x 28 frame were `size` (width, height) pixels."""
    mask = silhouette(photo, fill_up_to=fill_up_to)
    grey = photo.astype(np.float32)
    if rng.random() < 0.75:
        grey = _spread(grey, mask)
    resample = FILTERS[int(rng.integers(len(FILTERS)))]
    shade = _enlarge(grey, size, resample)
    cover = _enlarge(mask.astype(np.float32), size, Image.Resampling.BICUBIC)
    if rng.random() < 0.7:  # rounder outlines than 28 pixels draw
        cover = _soften(cover, 0.45 * min(size) / 28)
    if rng.random() < 0.5:
        shade = shade.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        cover = cover.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if rng.random() < 0.6:
        angle = float(np.clip(rng.normal(0, 7), -20, 20))
        shade = shade.rotate(angle, Image.Resampling.BILINEAR, expand=True)
        cover = cover.rotate(angle, Image.Resampling.BILINEAR, expand=True)
    sharpness = max(1.0, min(size) / 28)
    alpha = np.clip(0.5 + (np.asarray(cover, dtype=np.float32) - 0.5) * sharpness, 0, 1)
    dark, light = colours if colours is not None else two_colours(rng)
    level = np.clip(np.asarray(shade, dtype=np.float32) / 255, 0, 1) ** rng.uniform(0.7, 1.4)
    colour = dark + (light - dark) * level[..., None]
    rows, columns = np.flatnonzero((alpha > 0.02).any(1)), np.flatnonzero((alpha > 0.02).any(0))
    if not len(rows):
        return Cutout(colour.astype(np.float32)[:0, :0], alpha[:0, :0])
    window = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return Cutout(np.clip(colour[window], 0, 255).astype(np.float32), alpha[window].astype(np.float32))
