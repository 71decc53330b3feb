"""Mask files: any reader of PNGs gets the label numbers back."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from models.runs import Runs
from workers.masks import encode_mask


def read(png: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(png)) as picture:
        picture.load()
        assert picture.mode == "P"
        return np.asarray(picture)


@pytest.mark.parametrize("width", [1, 7, 8, 9, 63, 64, 65, 200])
@pytest.mark.parametrize("density", [0.0, 0.02, 0.5, 1.0])
@pytest.mark.parametrize("labels", [1, 3])
def test_pixels_survive(width: int, density: float, labels: int) -> None:
    rng = np.random.default_rng(width)
    shape = (37, width)
    mask = ((rng.random(shape) < density) * rng.integers(1, labels + 1, shape)).astype(np.uint8)
    assert np.array_equal(read(encode_mask(Runs.of(mask))), mask)


def test_one_label_takes_one_bit_a_pixel() -> None:
    mask = np.zeros((500, 400), np.uint8)
    mask[100:300, 50:250] = 1
    png = encode_mask(Runs.of(mask))
    assert png[24] == 1  # bit depth
    assert len(png) < 1000
