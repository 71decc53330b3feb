"""Runs say what the pixels say, in fewer words."""

from __future__ import annotations

import numpy as np
import pytest

from models.runs import Runs


def picture(seed: int, height: int, width: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.where(rng.random((height, width)) < 0.2, rng.integers(0, 4, (height, width)), 1).astype(
        np.uint8
    )


@pytest.mark.parametrize(("height", "width"), [(1, 1), (7, 13), (40, 64), (3, 1)])
def test_there_and_back(height: int, width: int) -> None:
    mask = picture(height, height, width)
    runs = Runs.of(mask)
    assert (runs.mask() == mask).all()
    assert runs.lengths.sum() == mask.size
    assert (runs.labels[1:] != runs.labels[:-1]).all()


def test_no_pixels() -> None:
    assert Runs.of(np.zeros((0, 0), np.uint8)).mask().shape == (0, 0)


def test_of_changes_at_one_pixel_the_last_counts() -> None:
    runs = Runs.joined(1, 8, np.array([0, 0, 3, 3, 5]), np.array([1, 0, 2, 0, 7], np.uint8))
    assert runs.starts.tolist() == [0, 5]
    assert runs.labels.tolist() == [0, 7]


@pytest.mark.parametrize("seed", range(20))
def test_boxes_are_tight(seed: int) -> None:
    mask = picture(seed, 9, 11) if seed % 2 else np.eye(9, 11, k=seed // 4, dtype=np.uint8)
    runs = Runs.of(mask)
    for label in np.unique(mask):
        ys, xs = np.nonzero(mask == label)
        assert runs.box(label) == (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)
