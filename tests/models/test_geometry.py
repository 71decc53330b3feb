"""From photo to input and back: placements, pixels and boxes agree."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchvision.transforms import functional as reference

from models.decode import Photo
from models.geometry import place
from models.predictions import Box
from models.preprocess import make_batch, normalise
from models.spec import Preprocessing

SIDES = st.integers(1, 5000)
FITS = st.sampled_from(["letterbox", "crop", "squash", "native"])


@given(SIDES, SIDES, FITS, st.integers(16, 512), st.data())
def test_boxes_survive_the_round_trip(width: int, height: int, fit: Any, size: int, data: Any) -> None:
    there = place(width, height, Preprocessing(size=size, fit=fit))
    xs = sorted(data.draw(st.tuples(st.floats(0, width), st.floats(0, width))))
    ys = sorted(data.draw(st.tuples(st.floats(0, height), st.floats(0, height))))
    box = Box(xs[0], ys[0], xs[1], ys[1])
    back = there.to_photo(there.to_input(box))
    for name in ("left", "top", "right", "bottom"):
        assert getattr(back, name) == pytest.approx(getattr(box, name), abs=1e-6 * max(width, height))


@given(SIDES, SIDES, FITS, st.integers(16, 512))
def test_placements_fill_the_input(width: int, height: int, fit: Any, size: int) -> None:
    there = place(width, height, Preprocessing(size=size, fit=fit))
    assert there.width >= 1
    assert there.height >= 1
    if fit == "native":
        assert there.input_width % 32 == 0
        assert there.input_height % 32 == 0
        assert max(there.width, there.height) <= max(size, 1)
    else:
        assert (there.input_width, there.input_height) == (size, size)
    if fit == "letterbox":
        assert max(there.width, there.height) == size
        assert abs((there.left * 2 + there.width) - size) <= 1
    if fit == "crop":
        assert min(there.width, there.height) == size
        assert there.left <= 0
        assert there.top <= 0


@given(st.floats(-500, 900), st.floats(-500, 900), st.floats(0, 900), st.floats(0, 900))
def test_boxes_are_clipped_to_the_photo(x: float, y: float, width: float, height: float) -> None:
    there = place(300, 200, Preprocessing(size=256))
    box = there.to_photo(Box(x, y, x + width, y + height))
    assert 0 <= box.left <= box.right <= 300
    assert 0 <= box.top <= box.bottom <= 200


@pytest.mark.parametrize(("width", "height"), [(300, 200), (201, 333), (64, 64), (90, 500)])
def test_crop_is_torchvisions(width: int, height: int, make_photo: Any) -> None:
    how = Preprocessing(size=64, fit="crop", resize=73)
    photo = make_photo(width, height)
    ours = make_batch([photo], [place(width, height, how)], how)[0]
    image = torch.from_numpy(photo.pixels).permute(2, 0, 1)
    theirs = reference.center_crop(reference.resize(image, [73], antialias=True), [64, 64])
    assert (ours.int() - theirs.int()).abs().max() <= 1


def test_normalise_is_the_usual_formula() -> None:
    how = Preprocessing(size=32)
    batch = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8)
    expected = reference.normalize(batch.float() / 255, list(how.mean), list(how.std))
    assert torch.allclose(normalise(batch, how), expected, atol=1e-5)


@pytest.mark.parametrize("fit", ["letterbox", "crop", "squash", "native"])
def test_a_marked_spot_lands_where_the_placement_says(fit: Any) -> None:
    pixels = np.zeros((200, 300, 3), dtype=np.uint8)
    pixels[90:110, 140:160] = 255
    how = Preprocessing(size=128, fit=fit, mean=(0, 0, 0))
    there = place(300, 200, how)
    batch = make_batch([Photo(pixels, 300, 200)], [there], how)
    spot = there.to_input(Box(140, 90, 160, 110))
    ys, xs = np.nonzero(batch[0, 0].numpy() > 127)
    assert xs.min() == pytest.approx(spot.left, abs=1)
    assert xs.max() + 1 == pytest.approx(spot.right, abs=1)
    assert ys.min() == pytest.approx(spot.top, abs=1)
    assert ys.max() + 1 == pytest.approx(spot.bottom, abs=1)


def test_letterbox_pads_with_the_mean_colour(make_photo: Any) -> None:
    how = Preprocessing(size=64)
    batch = make_batch([make_photo(100, 20)], [place(100, 20, how)], how)
    assert normalise(batch, how)[0, :, :20].abs().max() < 0.01
    assert batch.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("fit", ["letterbox", "crop", "squash", "native"])
def test_very_long_photos(fit: Any) -> None:
    """A thread of a photo: no side becomes 0, and a crop does not scale what it throws away."""
    how = Preprocessing(size=256, fit=fit)
    for shape in ((1, 200_000, 3), (200_000, 1, 3), (1, 1, 3)):
        photo = Photo(np.full(shape, 200, dtype=np.uint8), shape[1], shape[0])
        there = place(photo.width, photo.height, how)
        batch = make_batch([photo], [there], how)
        assert batch.shape == (1, 3, there.input_height, there.input_width)
        assert int(batch.max()) == 200


def test_read_only_pixels_are_fine(make_photo: Any) -> None:
    photo = make_photo(40, 30)
    photo.pixels.flags.writeable = False
    how = Preprocessing(size=32)
    assert make_batch([photo], [place(40, 30, how)], how).shape == (1, 3, 32, 32)


@pytest.mark.parametrize(
    "pixels", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32), np.zeros((0, 4, 3), np.uint8)]
)
def test_a_photo_checks_its_pixels(pixels: Any) -> None:
    with pytest.raises(ValueError, match="pixels must be"):
        Photo(pixels, 4, 4)
