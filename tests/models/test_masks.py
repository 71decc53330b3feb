"""Masks at the photo's size: exact against plain interpolation, background outside, tight boxes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from models.geometry import place
from models.masks import first_best, segmentation
from models.spec import Preprocessing

LABELS = ("a", "b", "c", "d")


def smooth(channels: int, side: int) -> torch.Tensor:
    rough = torch.randn(1, channels, 5, 5) * 4
    return F.interpolate(rough, size=(side, side), mode="bicubic")[0]


@pytest.mark.parametrize("channels", [2, 3, 5])
@pytest.mark.parametrize(("width", "height"), [(640, 480), (300, 700), (31, 17)])
def test_squash_equals_interpolating_the_logits(channels: int, width: int, height: int) -> None:
    logits = smooth(channels, 40)
    there = place(width, height, Preprocessing(size=160, fit="squash"))
    mask = segmentation(logits, there, LABELS[: channels - 1]).mask
    plain = F.interpolate(logits[None], size=(height, width), mode="bilinear")[0].argmax(dim=0).numpy()
    assert mask.shape == (height, width)
    # A class that wins in no cell nearby may win between two others; such pixels are rare.
    assert (mask == plain).mean() > (0.9995 if channels == 2 else 0.99)


def test_letterbox_is_cut_to_the_photo() -> None:
    logits = torch.zeros(2, 64, 64)
    logits[0] = 5.0
    logits[1, 16:48] = 10.0  # just the photo's rows: the padding is background
    there = place(400, 200, Preprocessing(size=256))
    found = segmentation(logits, there, ("a",))
    assert found.mask.shape == (200, 400)
    assert (found.mask == 1).all()
    (segment,) = found.segments
    assert (segment.box.left, segment.box.top, segment.box.right, segment.box.bottom) == (0, 0, 400, 200)
    assert segment.area == 1.0
    assert segment.score == pytest.approx(1 / (1 + np.exp(-5)), abs=1e-5)


def test_outside_the_crop_is_background() -> None:
    logits = torch.zeros(2, 32, 32)
    logits[1] = 3.0
    there = place(300, 100, Preprocessing(size=64, fit="crop"))
    mask = segmentation(logits, there, ("a",)).mask
    assert (mask[:, 100:200] == 1).all()
    assert mask[:, :99].sum() == 0
    assert mask[:, 201:].sum() == 0


def test_segments_are_tight_and_largest_first() -> None:
    logits = torch.zeros(4, 100, 100)
    logits[0] = 1.0
    logits[2, 10:20, 30:50] = 9.0
    logits[3, 60:90, 5:95] = 9.0
    found = segmentation(logits, place(100, 100, Preprocessing(size=100, fit="squash")), ("a", "b", "c"))
    assert [one.label for one in found.segments] == ["c", "b"]
    large, small = found.segments
    assert (large.box.left, large.box.top, large.box.right, large.box.bottom) == (5, 60, 95, 90)
    assert (small.box.left, small.box.top, small.box.right, small.box.bottom) == (30, 10, 50, 20)
    assert large.area == pytest.approx(0.27)
    assert small.area == pytest.approx(0.02)
    assert found.mask.dtype == np.uint8
    assert set(np.unique(found.mask)) == {0, 2, 3}


def test_nothing_found_is_an_answer() -> None:
    logits = torch.stack((torch.ones(8, 8), torch.zeros(8, 8)))
    found = segmentation(logits, place(50, 20, Preprocessing(size=32)), ("a",))
    assert found.segments == ()
    assert found.mask.sum() == 0


@pytest.mark.parametrize("fit", ["letterbox", "crop", "squash", "native"])
@pytest.mark.parametrize(("width", "height"), [(1, 1), (3000, 1), (1, 3000), (257, 255), (28, 28)])
def test_every_shape_works(fit: Any, width: int, height: int) -> None:
    there = place(width, height, Preprocessing(size=64, fit=fit))
    logits = F.interpolate(smooth(3, 9)[None], size=(there.input_height // 4, there.input_width // 4))[0]
    found = segmentation(logits, there, ("a", "b"))
    assert found.mask.shape == (height, width)
    for one in found.segments:
        assert 0 < one.area <= 1
        assert 0 < one.score <= 1


def test_a_third_label_between_two_cells_is_met() -> None:
    """At both cells others win, and half way both have fallen below it."""
    logits = torch.full((4, 3, 2), -9.0)
    logits[1, :, 0] = logits[3, :, 1] = 10.0
    logits[2] = 6.0
    there = place(100, 3, Preprocessing(size=100, fit="squash"))
    found = segmentation(logits, there, ("a", "b", "c"))
    plain = F.interpolate(logits[None], size=(3, 100), mode="bilinear")[0].argmax(dim=0).numpy()
    assert set(np.unique(plain)) == {1, 2, 3}
    # It wins no cell, so it has no score of its own; its pixels go to those it lies between.
    assert [one.label for one in found.segments] == ["a", "c"]
    logits[2, 2, 0] = 11.0  # now it wins one
    plain = F.interpolate(logits[None], size=(3, 100), mode="bilinear")[0].argmax(dim=0).numpy()
    assert (segmentation(logits, there, ("a", "b", "c")).mask == plain).all()


def test_labels_cross_where_interpolating_says() -> None:
    """Noise: every label wins somewhere, gaps have many crossings, bands are cut."""
    logits = torch.randn(6, 30, 50)
    there = place(700, 900, Preprocessing(size=200, fit="squash"))
    mask = segmentation(logits, there, ("a", "b", "c", "d", "e")).mask
    plain = F.interpolate(logits[None], size=(900, 700), mode="bilinear")[0].argmax(dim=0).numpy()
    assert (mask == plain).mean() > 0.99999


def test_first_best_is_argmax() -> None:
    values = np.random.default_rng(0).integers(0, 4, (7, 30, 40)).astype(np.float32)
    assert np.array_equal(first_best(values), values.argmax(axis=0))
    many = np.random.default_rng(1).standard_normal((255, 5, 5)).astype(np.float32)
    assert np.array_equal(first_best(many), many.argmax(axis=0))
