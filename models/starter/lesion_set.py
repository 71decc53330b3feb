"""A labelled set of composed skin photos with lesions on disk: masks of one person, boxes of two others.

    python -m models.starter.lesion_set --out lesions --photos 240

The folder itself (`images`, `masks`) is for segment, and for detect, where each lesion is a box. `doctor_boxes.csv`
has boxes that two doctors drew, the first's with a `label`, the second's with a `second`; names start from `images`.
They draw a little wide or narrow of the lesion, and overlook some, pale ones more often. Every sixth photo is for
test, on darker or lighter skin than any photo to learn from. The same arguments give the same set.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

from models.starter.textures import smooth_noise

LABEL = "lesion"
COLUMNS = ("image", "label", "second", "left", "top", "right", "bottom", "split")
QUALITY = 92
TEST_EACH = 6
MOST = 4
TRIES = 20

Pixels = npt.NDArray[np.float32]
Mask = npt.NDArray[np.uint8]
Box = tuple[int, int, int, int]

# From pale to dark, in RGB; photos for test lie at both ends.
SKINS = np.array([(247, 219, 200), (228, 184, 151), (196, 142, 106), (141, 92, 63), (92, 58, 42)], np.float32)


@dataclass(frozen=True, slots=True)
class Lesion:
    """Its tight box, right and bottom exclusive, and how much darker it is than the skin, 0 to 1."""

    box: Box
    depth: float


@dataclass(frozen=True, slots=True)
class SkinPhoto:
    """Pixels uint8 (h, w, 3); mask uint8 (h, w), 1 where a lesion is; lesions do not touch."""

    pixels: npt.NDArray[np.uint8]
    mask: Mask
    lesions: tuple[Lesion, ...]


def compose(seed: int, side: int, *, unusual: bool = False) -> SkinPhoto:
    """A photo of `side` pixels with up to `MOST` lesions; `unusual` skin is for test."""
    rng = np.random.default_rng(seed)
    skin = _skin(rng, side, unusual=unusual)
    mask = np.zeros((side, side), np.uint8)
    lesions = []
    for _ in range(int(rng.integers(0, MOST + 1))):
        shape = _free_shape(rng, mask)
        if shape is not None:
            mask |= shape
            depth = float(rng.uniform(0.2, 0.65))
            _darken(skin, shape, depth, rng)
            lesions.append(Lesion(_tight(shape), depth))
    _hairs(skin, rng)
    noisy = skin + rng.normal(0, rng.uniform(1, 5), skin.shape)
    return SkinPhoto(np.clip(noisy, 0, 255).astype(np.uint8), mask, tuple(lesions))


def doctor_boxes(
    lesions: tuple[Lesion, ...], side: int, rng: np.random.Generator, *, care: float
) -> Iterator[Box]:
    """Boxes as a person draws them; `care` from 0 to 1 says how seldom one overlooks a pale lesion."""
    for lesion in lesions:
        if rng.random() < (1 - care) * (1 - lesion.depth):
            continue
        left, top, right, bottom = lesion.box
        slack = 0.08 * max(right - left, bottom - top)
        low = np.array((left, top)) + rng.normal(-slack / 2, slack, 2)
        high = np.array((right, bottom)) + rng.normal(slack / 2, slack, 2)
        edges = np.clip(np.round([*low, *high]), 0, side).astype(int).tolist()
        if edges[2] > edges[0] and edges[3] > edges[1]:
            yield edges[0], edges[1], edges[2], edges[3]


def write(folder: Path, photos: int, side: int) -> None:
    """The whole set."""
    rows: list[tuple[object, ...]] = []
    for number in range(photos):
        split = "train" if number % TEST_EACH else "test"
        photo = compose(number, side, unusual=split == "test")
        image, mask = (folder / kind / split / f"skin{number:04d}" for kind in ("images", "masks"))
        for path in (image, mask):
            path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(photo.pixels).save(image.with_suffix(".jpg"), quality=QUALITY)
        Image.fromarray(photo.mask).save(mask.with_suffix(".png"))
        rows += _rows(f"{split}/{image.name}.jpg", photo, side, np.random.default_rng((1, number)), split)
    with (folder / "doctor_boxes.csv").open("w", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *rows])
    (folder / "labels.txt").write_text(f"{LABEL}\n")


def _rows(
    name: str, photo: SkinPhoto, side: int, rng: np.random.Generator, split: str
) -> list[tuple[object, ...]]:
    first, second = (list(doctor_boxes(photo.lesions, side, rng, care=care)) for care in (0.9, 0.75))
    rows: list[tuple[object, ...]] = [(name, LABEL, "", *box, split) for box in first]
    rows += [(name, "", LABEL, *box, split) for box in second]
    return rows or [(name, *[""] * 6, split)]


def _skin(rng: np.random.Generator, side: int, *, unusual: bool) -> Pixels:
    place = rng.uniform(0.8, 3.2)
    if unusual:
        place = rng.uniform(0, 0.8) if rng.random() < 0.5 else rng.uniform(3.2, 4)
    low = min(int(place), len(SKINS) - 2)
    tone = SKINS[low] + (SKINS[low + 1] - SKINS[low]) * (place - low)
    light = 1 + 0.10 * smooth_noise(rng, side, side, side / 2) + 0.04 * smooth_noise(rng, side, side, 5)
    red = 6 * smooth_noise(rng, side, side, side / 6)
    skin: Pixels = (tone * light[..., None]).astype(np.float32)
    skin[..., 0] += red
    return skin


def _free_shape(rng: np.random.Generator, mask: Mask) -> Mask | None:
    """A blob that keeps clear of those in `mask`, 1 inside; None where no room is found."""
    side = len(mask)
    near = np.asarray(Image.fromarray(mask).filter(ImageFilter.MaxFilter(7)))
    for _ in range(TRIES):
        radius = side * rng.uniform(0.05, 0.16)
        x, y = rng.uniform(radius, side - radius, 2)
        shape = _blob(rng, side, (x, y), radius)
        if shape.sum() > 20 and not (near & shape).any():
            return shape
    return None


def _blob(rng: np.random.Generator, side: int, centre: tuple[float, float], radius: float) -> Mask:
    """An ellipse whose edge wanders."""
    angles = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    wander = sum(
        rng.normal(0, 0.1 / wave) * np.cos(wave * angles + rng.uniform(0, 2 * np.pi)) for wave in (2, 3, 5)
    )
    reach = radius * (1 + wander)
    stretch = rng.uniform(0.7, 1.3)
    points = zip(
        centre[0] + reach * np.cos(angles) * stretch, centre[1] + reach * np.sin(angles), strict=True
    )
    drawn = Image.new("L", (side, side))
    ImageDraw.Draw(drawn).polygon([(float(x), float(y)) for x, y in points], fill=1)
    return np.array(drawn)


def _darken(skin: Pixels, shape: Mask, depth: float, rng: np.random.Generator) -> None:
    """Brown within a soft edge, mottled."""
    side = len(shape)
    soft = Image.fromarray(shape * np.uint8(255)).filter(ImageFilter.GaussianBlur(side / 90))
    share = np.asarray(soft, dtype=np.float32) / 255
    share *= depth * (1 + 0.35 * smooth_noise(rng, side, side, side / 16))
    # Brown swallows blue most and red least.
    skin *= 1 - share[..., None] * np.array((0.75, 1.0, 1.05), np.float32)


def _hairs(skin: Pixels, rng: np.random.Generator) -> None:
    """A few dark, thin, bent lines over everything: what a segmenter must look through."""
    side = len(skin)
    drawn = Image.new("L", (side, side))
    pen = ImageDraw.Draw(drawn)
    for _ in range(int(rng.integers(0, 7))):
        (x, y), turn = rng.uniform(0, side, 2), rng.uniform(0, np.pi)
        points = []
        for _ in range(12):
            points.append((float(x), float(y)))
            x, y, turn = (
                x + side / 24 * np.cos(turn),
                y + side / 24 * np.sin(turn),
                turn + rng.normal(0, 0.12),
            )
        pen.line(points, fill=255)
    share = np.asarray(drawn, dtype=np.float32)[..., None] / 255
    skin *= 1 - share * rng.uniform(0.3, 0.6)


def _tight(shape: Mask) -> Box:
    rows, columns = np.flatnonzero(shape.any(axis=1)), np.flatnonzero(shape.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for images, masks and boxes")
    parser.add_argument("--photos", type=int, default=240)
    parser.add_argument("--side", type=int, default=128, help="pixels a side")
    told = parser.parse_args()
    write(told.out, told.photos, told.side)
    print(f"wrote {told.photos} photos with masks and two doctors' boxes to {told.out}")


if __name__ == "__main__":
    main()
