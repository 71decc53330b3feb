"""Drawn products in known colours, and the describer that looks at them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from models.decode import Photo
from models.facts.describer import Describer, Mask
from models.predictions import Facts
from models.predictor import load_predictors
from models.runs import Runs
from models.starter.pack import starter_specs

SIDE = 240
Pixels = npt.NDArray[np.uint8]


def load_describer() -> Describer:
    (spec,) = [spec for spec in starter_specs() if spec.task == "describe"]
    (found,) = load_predictors([spec], {spec.weights: Path(spec.weights)})
    assert isinstance(found, Describer)
    return found


def disc(radius: float = 0.3, side: int = SIDE) -> npt.NDArray[np.bool_]:
    """A round thing in the middle; the radius is a share of the side."""
    y, x = (np.mgrid[:side, :side] + 0.5) / side - 0.5
    found: npt.NDArray[np.bool_] = x**2 + y**2 < radius**2
    return found


def drawn(product: str, ground: str, radius: float = 0.3) -> Pixels:
    """A disc of one colour on a ground of another, each a hex."""
    pixels = np.empty((SIDE, SIDE, 3), np.uint8)
    pixels[:] = list(bytes.fromhex(ground.removeprefix("#")))
    pixels[disc(radius)] = list(bytes.fromhex(product.removeprefix("#")))
    return pixels


def scene(seed: int = 0, width: int = 400, height: int = 300) -> Pixels:
    """A photo full of soft-edged things of all sizes, sharp to the pixel; always the same for a seed."""
    rng = np.random.default_rng(seed)
    canvas = np.zeros((height, width, 3), np.float32) + rng.uniform(60, 160, 3)
    y, x = np.mgrid[:height, :width]
    for _ in range(40):
        left, top, radius = rng.uniform(0, width), rng.uniform(0, height), rng.uniform(8, 90)
        inside = (x - left) ** 2 + ((y - top) * rng.uniform(0.6, 1.6)) ** 2 < radius**2
        canvas[inside] = rng.uniform(20, 235, 3) + rng.normal(0, 6, (int(inside.sum()), 1))
    return canvas.clip(0, 255).astype(np.uint8)


def blurred(pixels: Pixels, radius: float) -> Pixels:
    return np.asarray(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(radius)))


def mask_of(product: npt.NDArray[np.bool_]) -> Mask:
    return Mask(Runs.of(product.astype(np.uint8)), 1)


def facts_of(describer: Describer, pixels: Pixels, mask: Mask | None = None) -> Facts:
    photo = Photo(np.ascontiguousarray(pixels), pixels.shape[1], pixels.shape[0])
    (outcome,) = describer.outcomes([photo], [mask])
    assert isinstance(outcome, tuple)
    (facts,) = outcome
    assert isinstance(facts, Facts)
    return facts
