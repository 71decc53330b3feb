"""Backgrounds for composed shelf photos: plain and textured surfaces, drawn from a random generator."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image

Surface = npt.NDArray[np.float32]  # (h, w, 3), values 0 to 255
Maker = Callable[[np.random.Generator, int, int], Surface]
Field = npt.NDArray[np.float32]  # (h, w), values about -1 to 1


def random_colour(rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """A colour (3,): often grey or nearly so, as walls are; light and dark alike."""
    base = np.full(3, rng.uniform(15, 245), dtype=np.float32)
    if rng.random() < 0.65:
        base = base + rng.normal(0, rng.uniform(5, 55), 3).astype(np.float32)
    return np.clip(base, 0, 255).astype(np.float32)


def smooth_noise(rng: np.random.Generator, height: int, width: int, cell: float) -> Field:
    """Noise whose blobs are about `cell` pixels wide."""
    rows, columns = max(2, round(height / cell) + 1), max(2, round(width / cell) + 1)
    coarse = rng.uniform(-1, 1, (rows, columns)).astype(np.float32)
    return np.asarray(
        Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC), dtype=np.float32
    )


def _grid(rng: np.random.Generator, height: int, width: int) -> tuple[Field, Field]:
    """Pixel coordinates along and across a slightly turned direction."""
    angle = rng.choice([0.0, np.pi / 2, rng.uniform(0, np.pi)]) + rng.normal(0, 0.05)
    ys, xs = np.mgrid[:height, :width].astype(np.float32)
    return (
        (xs * np.cos(angle) + ys * np.sin(angle)).astype(np.float32),
        (ys * np.cos(angle) - xs * np.sin(angle)).astype(np.float32),
    )


def _mix(first: npt.NDArray[np.float32], second: npt.NDArray[np.float32], share: Field) -> Surface:
    return (first + (second - first) * share[..., None]).astype(np.float32)


def _near(
    rng: np.random.Generator, colour: npt.NDArray[np.float32], spread: float
) -> npt.NDArray[np.float32]:
    shift = rng.uniform(0.3, 1.0) * spread * rng.choice([-1, 1]) + rng.normal(0, spread / 6, 3)
    near: npt.NDArray[np.float32] = np.clip(colour + shift, 0, 255).astype(np.float32)
    return near


def plain(rng: np.random.Generator, height: int, width: int) -> Surface:
    return np.broadcast_to(random_colour(rng), (height, width, 3)).astype(np.float32)


def gradient(rng: np.random.Generator, height: int, width: int) -> Surface:
    along, _ = _grid(rng, height, width)
    share = (along - along.min()) / max(1.0, float(np.ptp(along)))
    first = random_colour(rng)
    return _mix(first, _near(rng, first, 110), share.astype(np.float32))


def clouds(rng: np.random.Generator, height: int, width: int) -> Surface:
    cell = rng.uniform(20, 160)
    share = (
        0.5
        + 0.35 * smooth_noise(rng, height, width, cell)
        + 0.15 * smooth_noise(rng, height, width, cell / 4)
    )
    first = random_colour(rng)
    return _mix(first, _near(rng, first, 80), share)


def grain(rng: np.random.Generator, height: int, width: int) -> Surface:
    cell = rng.uniform(1, 6)
    noise = smooth_noise(rng, height, width, cell)
    return (random_colour(rng) + noise[..., None] * rng.uniform(8, 60)).astype(np.float32)


def wood(rng: np.random.Generator, height: int, width: int) -> Surface:
    along, across = _grid(rng, height, width)
    wobble = smooth_noise(rng, height, width, rng.uniform(80, 250)) * rng.uniform(2, 14)
    period = rng.uniform(6, 30)
    rings = np.sin((across + wobble) * 2 * np.pi / period + np.sin(along / rng.uniform(60, 200)))
    fibres = smooth_noise(rng, height, max(2, width // 12), 2)
    stretched = Image.fromarray(fibres).resize((width, height), Image.Resampling.BILINEAR)
    first = (
        random_colour(rng)
        if rng.random() < 0.4
        else np.array(rng.uniform((70, 40, 20), (220, 180, 140)), np.float32)
    )
    share = (0.5 + 0.35 * rings + 0.25 * np.asarray(stretched, dtype=np.float32)).astype(np.float32)
    return _mix(first, _near(rng, first, 60), share)


def stripes(rng: np.random.Generator, height: int, width: int) -> Surface:
    _, across = _grid(rng, height, width)
    wave = np.sin(across * 2 * np.pi / rng.uniform(8, 120))
    share = np.clip(0.5 + wave * rng.uniform(0.5, 8), 0, 1).astype(np.float32)
    first = random_colour(rng)
    return _mix(first, _near(rng, first, 90) if rng.random() < 0.8 else random_colour(rng), share)


def checks(rng: np.random.Generator, height: int, width: int) -> Surface:
    along, across = _grid(rng, height, width)
    cell = rng.uniform(12, 110)
    odd = (np.floor(along / cell) + np.floor(across / cell)) % 2
    first = random_colour(rng)
    second = _near(rng, first, 90) if rng.random() < 0.8 else random_colour(rng)
    return _mix(first, second, odd.astype(np.float32))


def tiles(rng: np.random.Generator, height: int, width: int) -> Surface:
    along, across = _grid(rng, height, width)
    tall = rng.uniform(30, 120)
    wide = tall * rng.uniform(1, 2.5)
    row = np.floor(across / tall)
    shifted = along + (row % 2) * wide * rng.choice([0.0, 0.5])
    joint = ((across % tall) < tall * 0.06) | ((shifted % wide) < tall * 0.06)
    column = np.floor(shifted / wide)
    shade = np.sin(row * 12.9898 + column * 78.233 + rng.uniform(0, 6)) * rng.uniform(0, 18)
    first = random_colour(rng)
    surface = _mix(first, _near(rng, first, 70), joint.astype(np.float32))
    lit: Surface = (surface + shade[..., None]).astype(np.float32)
    return lit


def cloth(rng: np.random.Generator, height: int, width: int) -> Surface:
    along, across = _grid(rng, height, width)
    pitch = rng.uniform(3, 12)
    weave = np.sin(along * 2 * np.pi / pitch) * np.sin(across * 2 * np.pi / pitch)
    folds = smooth_noise(rng, height, width, rng.uniform(60, 200))
    colour = random_colour(rng)
    threads = colour + weave[..., None] * rng.uniform(5, 25)
    surface: Surface = (threads + folds[..., None] * rng.uniform(5, 35)).astype(np.float32)
    return surface


def boards(rng: np.random.Generator, height: int, width: int) -> Surface:
    """A wall with horizontal shelf boards."""
    wall = clouds(rng, height, width) if rng.random() < 0.5 else plain(rng, height, width)
    board = random_colour(rng)
    spacing = int(rng.uniform(0.25, 0.5) * height)
    thick = max(3, int(rng.uniform(0.02, 0.05) * height))
    for top in range(int(rng.uniform(0.2, 1.0) * spacing), height, spacing):
        wall[top : top + thick] = board
        wall[top + thick : top + 2 * thick] *= 0.75
    return wall


def speckle(rng: np.random.Generator, height: int, width: int) -> Surface:
    """Stone-like dots of two sizes."""
    first = random_colour(rng)
    dots = smooth_noise(rng, height, width, rng.uniform(2, 5)) > rng.uniform(0.3, 0.6)
    blobs = smooth_noise(rng, height, width, rng.uniform(8, 20)) > rng.uniform(0.4, 0.7)
    surface = _mix(first, _near(rng, first, 70), dots.astype(np.float32))
    return (surface + blobs[..., None] * rng.uniform(-30, 30)).astype(np.float32)


SURFACES: tuple[Maker, ...] = (
    plain,
    gradient,
    clouds,
    grain,
    wood,
    stripes,
    checks,
    tiles,
    cloth,
    boards,
    speckle,
)


def background(
    rng: np.random.Generator, height: int, width: int, surfaces: Sequence[Maker] = SURFACES
) -> Surface:
    """One of the surfaces (height, width, 3), lit unevenly at times; values 0 to 255."""
    surface = surfaces[int(rng.integers(len(surfaces)))](rng, height, width)
    if rng.random() < 0.5:
        light = smooth_noise(rng, height, width, max(height, width) / 1.5)
        surface = surface * (1 + light[..., None] * rng.uniform(0, 0.25))
    return np.clip(surface, 0, 255).astype(np.float32)
