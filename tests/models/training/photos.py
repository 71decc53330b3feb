"""Small photos on disk that can be learnt in seconds: bars, upright or lying, and squares, on noise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

BARS = ("lying", "upright")
SQUARES = ("dark", "bright")
SQUARE = 13


def bar(
    number: int, upright: bool, side: int = 40
) -> tuple[npt.NDArray[np.uint8], tuple[int, int, int, int]]:
    """Pixels uint8 (side, side, 3), and the bar's box: left, top, right, bottom."""
    rng = np.random.default_rng(number)
    pixels = rng.integers(90, 160, (side, side, 3), dtype=np.uint8)
    wide, high = (6, 24) if upright else (24, 6)
    left, top = (int(rng.integers(2, side - size - 2)) for size in (wide, high))
    colour = rng.integers(200, 256, 3) if rng.random() < 0.5 else rng.integers(0, 50, 3)
    pixels[top : top + high, left : left + wide] = colour
    return pixels, (left, top, left + wide, top + high)


def write_class_folders(folder: Path, count: int = 60) -> Path:
    """`count` photos in two class folders, each of a product of its own."""
    for number in range(count):
        upright = bool(number % 2)
        place = folder / BARS[upright]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(bar(number, upright)[0]).save(place / f"bar-{number:03d}.png")
    return folder


def write_masks(folder: Path, count: int = 40) -> Path:
    """Photos and masks of label numbers side by side: 1 lying, 2 upright."""
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "labels.txt").write_text("\n".join(BARS) + "\n")
    for number in range(count):
        upright = bool(number % 2)
        pixels, (left, top, right, bottom) = bar(number, upright)
        mask = np.zeros(pixels.shape[:2], np.uint8)
        mask[top:bottom, left:right] = 1 + upright
        Image.fromarray(pixels).save(folder / "images" / f"bar{number:03d}.png")
        Image.fromarray(mask).save(folder / "masks" / f"bar{number:03d}.png")
    return folder


def write_boxes(folder: Path, count: int = 40, side: int = 40) -> Path:
    """Photos of a dark or a bright square on noise, and a table of boxes; returns the table."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["image,label,left,top,right,bottom"]
    for number in range(count):
        rng = np.random.default_rng(number)
        pixels = rng.integers(90, 160, (side, side, 3), dtype=np.uint8)
        left, top = (int(at) for at in rng.integers(0, side - SQUARE, 2))
        right, bottom, bright = left + SQUARE, top + SQUARE, number % 2
        pixels[top:bottom, left:right] = rng.integers(200, 256, 3) if bright else rng.integers(0, 50, 3)
        name = f"square{number:03d}.png"
        Image.fromarray(pixels).save(folder / name)
        lines.append(f"{name},{SQUARES[bright]},{left},{top},{right},{bottom}")
    table = folder / "boxes.csv"
    table.write_text("\n".join(lines) + "\n")
    return table
