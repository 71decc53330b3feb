"""Augmentation: boxes and masks move with the photo, and the same numbers give the same chance."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from models.decode import Photo
from models.geometry import place
from models.predictions import Box
from models.preprocess import make_batch
from models.spec import Preprocessing
from models.training import augment
from models.training.examples import Examples
from models.training.recipe import Recipe, parse
from models.training.samples import IGNORED, Instance, PhotoPixels, Sample

BUSY: dict[str, Any] = {"crop": "zoom", "smallest": 0.5, "flip": 0.5, "rotate": 15, "scale": 0.2, "colour": 0}


class Painted:
    """A mask in memory."""

    name = "painted"

    def __init__(self, mask: np.ndarray[Any, Any]) -> None:
        self.mask = mask

    def load(self) -> np.ndarray[Any, Any]:
        return self.mask


def recipe(task: str, **changes: Any) -> Recipe:
    base = {
        "name": "test",
        "task": task,
        "network": {"builder": "torchvision:resnet18", "pretrained": "none"},
        "preprocessing": {"size": 96, "fit": "letterbox"},
        "augment": BUSY,
    }
    return parse(base, "test").with_changes(changes)


def sample() -> Sample:
    """A red rectangle on grey, in a photo that is wider than high."""
    pixels = np.full((100, 160, 3), 110, np.uint8)
    pixels[30:70, 40:110] = (255, 0, 0)
    mask = np.zeros((100, 160), np.uint8)
    mask[30:70, 40:110] = 1
    instance = Instance("red", Box(40, 30, 110, 70))
    return Sample(PhotoPixels(pixels, "p"), "p", "here", "red", (instance,), Painted(mask))


def red(pixels: Tensor) -> Tensor:
    return (pixels[0] > 180) & (pixels[1] < 70)


@pytest.mark.parametrize("index", range(12))
def test_a_mask_covers_what_it_covered_before(index: int) -> None:
    examples = Examples([sample()] * 12, ("red",), recipe("segment"))
    pixels, mask = examples[0, index]
    assert pixels.shape == (3, 96, 96)
    assert mask.shape == (96, 96)
    assert mask.dtype == torch.int64
    assert set(mask.unique().tolist()) <= {0, 1, IGNORED}
    judged = mask != IGNORED
    both = (red(pixels) & (mask == 1) & judged).sum()
    either = ((red(pixels) | (mask == 1)) & judged).sum()
    assert both > 0.85 * either


@pytest.mark.parametrize("index", range(12))
def test_a_box_is_where_its_object_is(index: int) -> None:
    examples = Examples([sample()] * 12, ("red",), recipe("detect", **{"augment.rotate": 0}))
    pixels, truth = examples[0, index]
    assert pixels.shape == (3, 96, 96)
    ys, xs = torch.nonzero(red(pixels), as_tuple=True)
    if not len(truth["boxes"]):
        assert len(ys) < 20, "an object in sight has lost its box"
        return
    found = [int(xs.min()), int(ys.min()), int(xs.max()) + 1, int(ys.max()) + 1]
    assert truth["boxes"][0].tolist() == pytest.approx(found, abs=3)
    assert truth["labels"].tolist() == [1]


def test_without_chance_training_sees_what_prediction_sees() -> None:
    for fit in ("letterbox", "squash", "crop"):
        how = Preprocessing(size=96, fit=fit)  # type: ignore[arg-type]
        changes = {"augment": {"crop": "none", "flip": 0}, "preprocessing": how.model_dump(mode="json")}
        pixels, _ = Examples([sample()], ("red",), recipe("classify", **changes))[0, 0]
        photo: Photo = sample().photo.load()
        batch = make_batch([photo], [place(photo.width, photo.height, how)], how)
        assert torch.equal(pixels, batch[0]), fit


def test_the_same_epoch_and_index_give_the_same_example_whatever_came_before() -> None:
    examples = Examples([sample()] * 3, ("red",), recipe("classify"))
    torch.manual_seed(5)
    first = examples[4, 2][0]
    examples[4, 1]
    torch.manual_seed(6)
    before = torch.rand(1)
    torch.manual_seed(6)
    assert torch.equal(examples[4, 2][0], first)
    assert torch.equal(torch.rand(1), before), "the global seed was touched"
    assert not torch.equal(examples[5, 2][0], first)


def test_a_photo_without_boxes_teaches_that_there_is_nothing() -> None:
    empty = Sample(sample().photo, "p", "here", instances=())
    for index in range(8):
        _, truth = Examples([empty] * 8, ("red",), recipe("detect"))[0, index]
        assert truth["boxes"].shape == (0, 4)


@pytest.mark.parametrize("changes", [{"mixup": 0.4}, {"cutmix": 1.0}, {"mixup": 0.4, "cutmix": 1.0}])
def test_mixed_photos_have_mixed_labels(changes: dict[str, float]) -> None:
    mixing = augment.mixing(recipe("classify", augment=changes).augment, 3)
    assert mixing is not None
    augment.seed(1)
    pixels, truth = mixing(torch.rand(4, 3, 8, 8), torch.tensor([0, 1, 2, 0]))
    assert pixels.shape == (4, 3, 8, 8)
    assert truth.shape == (4, 3)
    assert torch.allclose(truth.sum(dim=1), torch.ones(4))


def test_nothing_is_mixed_unless_asked_for(tmp_path: Path) -> None:
    assert augment.mixing(recipe("classify").augment, 3) is None
