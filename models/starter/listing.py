"""Training photos of one product: plain, inverted, tinted, framed or on a surface, with camera flaws.

Also the letterbox that brings any photo to the network's square.
"""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from models.starter.cutout import silhouette, two_colours
from models.starter.shelf import OPEN_LABELS, SMALL_HOLE, ShelfPhoto, ShelfStyle, compose

Pixels = npt.NDArray[np.uint8]
# The padding is ImageNet's mean colour, which becomes zero once normalised.
PADDING = (124, 116, 104)
FILTERS = (
    Image.Resampling.BILINEAR,
    Image.Resampling.BILINEAR,
    Image.Resampling.BICUBIC,
    Image.Resampling.LANCZOS,
    Image.Resampling.BOX,
)
ALONE = ShelfStyle(sides=(96, 320), products=(1, 1), scale=(0.5, 0.93), cards=0.1)


def listing_photo(photo: Pixels, label: int, rng: np.random.Generator) -> ShelfPhoto:
    """One product (28, 28) as a photo of its own, of any size and colour."""
    if rng.random() < 0.1:
        return compose(photo[None], np.array([label]), int(rng.integers(2**31)), ALONE)
    if rng.random() < 0.3:
        photo = np.ascontiguousarray(photo[:, ::-1])
    holes = SMALL_HOLE if label in OPEN_LABELS else 784
    mask = silhouette(photo, fill_up_to=holes)
    level, cover = _framed(photo, mask, rng)
    if rng.random() < 0.55:
        factor = rng.uniform(1.5, 11)
        wide, tall = round(level.shape[1] * factor), round(level.shape[0] * factor)
        resample = (*FILTERS, Image.Resampling.NEAREST)[int(rng.integers(len(FILTERS) + 1))]
        level = np.asarray(Image.fromarray(level).resize((wide, tall), resample))
        smooth = Image.fromarray(cover.astype(np.uint8) * 255).resize((wide, tall), Image.Resampling.BICUBIC)
        cover = np.asarray(smooth) > 127
    return _described(_coloured(level, rng), cover, label)


def _framed(
    photo: Pixels, mask: npt.NDArray[np.bool_], rng: np.random.Generator
) -> tuple[Pixels, npt.NDArray[np.bool_]]:
    """The photo with more black around it, now and then."""
    if rng.random() < 0.6:
        return photo, mask
    margins = [tuple(int(side) for side in rng.integers(0, rng.choice([4, 8, 16]), 2)) for _ in range(2)]
    return np.pad(photo, margins), np.pad(mask, margins)


def _coloured(level: Pixels, rng: np.random.Generator) -> Pixels:
    kind = rng.random()
    if kind < 0.4:
        dark, light = np.zeros(3, np.float32), np.full(3, 255, np.float32)
    elif kind < 0.8:
        dark, light = np.full(3, 255, np.float32), np.zeros(3, np.float32)
    else:
        dark, light = two_colours(rng)
    return (dark + (light - dark) * (level[..., None].astype(np.float32) / 255)).astype(np.uint8)


def _described(pixels: Pixels, cover: npt.NDArray[np.bool_], label: int) -> ShelfPhoto:
    rows, columns = np.flatnonzero(cover.any(axis=1)), np.flatnonzero(cover.any(axis=0))
    if not len(rows):
        return ShelfPhoto(pixels, np.zeros((0, 4), np.float32), np.zeros(0, np.int64), cover.astype(np.uint8))
    box = np.array([[columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]], np.float32)
    return ShelfPhoto(pixels, box, np.array([label], np.int64), cover.astype(np.uint8))


def camera(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Light, blur, noise and JPEG, each now and then; geometry stays."""
    values = pixels.astype(np.float32)
    if rng.random() < 0.35:
        values = (values - 128) * rng.uniform(0.6, 1.3) + 128 + rng.uniform(-30, 30)
    if rng.random() < 0.2:
        values = values * rng.uniform(0.8, 1.1, 3).astype(np.float32)
    if rng.random() < 0.25:
        values = values + rng.standard_normal(values.shape, dtype=np.float32) * np.float32(rng.uniform(2, 12))
    photo = Image.fromarray(np.clip(values, 0, 255).astype(np.uint8))
    if rng.random() < 0.1:
        photo = photo.filter(ImageFilter.GaussianBlur(max(photo.size) / 256 * rng.uniform(0.5, 1.5)))
    if rng.random() < 0.35:
        buffer = io.BytesIO()
        photo.save(buffer, "JPEG", quality=int(rng.integers(35, 96)))
        photo = Image.open(buffer).convert("RGB")
    return np.asarray(photo)


def letterbox(photo: ShelfPhoto, size: int, rng: np.random.Generator | None = None) -> ShelfPhoto:
    """The photo scaled to fit a square of `size` pixels, padded with the mean colour; boxes and mask go along.

    Without `rng`: bilinear and centred. With it: any good filter, and off the centre at times.
    """
    height, width = photo.mask.shape
    scale = size / max(height, width)
    wide, tall = max(1, round(width * scale)), max(1, round(height * scale))
    left, top = (size - wide) // 2, (size - tall) // 2
    resample = Image.Resampling.BILINEAR
    if rng is not None:
        resample = FILTERS[int(rng.integers(len(FILTERS)))]
        if rng.random() < 0.3:
            left, top = int(rng.integers(size - wide + 1)), int(rng.integers(size - tall + 1))
    canvas = np.full((size, size, 3), PADDING, np.uint8)
    canvas[top : top + tall, left : left + wide] = np.asarray(
        Image.fromarray(photo.pixels).resize((wide, tall), resample)
    )
    mask = np.zeros((size, size), np.uint8)
    mask[top : top + tall, left : left + wide] = np.asarray(
        Image.fromarray(photo.mask).resize((wide, tall), Image.Resampling.NEAREST)
    )
    ratio = np.array([wide / width, tall / height] * 2, np.float32)
    boxes = photo.boxes * ratio + np.array([left, top] * 2, np.float32)
    return ShelfPhoto(canvas, boxes.astype(np.float32), photo.labels, mask)
