"""Figures of segmenters: by hand, against torchmetrics, and masks against boxes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torchmetrics.functional.classification import multiclass_jaccard_index

from models.errors import DataError
from models.predictions import Box
from models.predictor import Predictor
from models.training.measure import Measured, measure
from models.training.measure.segment import confusion, iou, means
from models.training.samples import IGNORED, Instance, Mask, PhotoPixels, Sample

LABELS = ("bag", "shoe")
SIDE = 32


class ByLevel(nn.Module):
    """Grey levels about 100 are the network's first label, 200 its second, all else background."""

    def forward(self, batch: Tensor) -> dict[str, Tensor]:
        levels = (255 * batch[:, 0]).round()
        bag, shoe = (levels > 50) & (levels < 150), levels >= 150
        return {"segment": 9.0 * torch.stack((~(bag | shoe), bag, shoe), dim=1)}


@dataclass(frozen=True, eq=False)
class Given:
    mask: Mask
    name: str = "mask.png"

    def load(self) -> Mask:
        return self.mask


def photo(levels: Mask, name: str = "photo") -> PhotoPixels:
    return PhotoPixels(np.repeat(levels[:, :, None], 3, axis=2), name)


def empty() -> Mask:
    return np.zeros((SIDE, SIDE), np.uint8)


def measured(make_spec: Any, samples: list[Sample], answered: tuple[str, ...] = LABELS) -> Measured:
    plain = {"size": SIDE, "fit": "squash", "mean": [0, 0, 0], "std": [1, 1, 1]}
    spec = make_spec(task="segment", labels=list(answered), preprocessing=plain)
    return measure(Predictor([spec], ByLevel()), samples, LABELS)


def pair() -> tuple[Mask, Mask]:
    """Levels, and the mask that says the same."""
    levels, mask = empty(), empty()
    levels[:8, :8], mask[:8, :8] = 100, 1
    levels[16:, 16:], mask[16:, 16:] = 200, 2
    return levels, mask


def test_a_perfect_mask(make_spec: Any) -> None:
    levels, mask = pair()
    found = measured(make_spec, [Sample(photo(levels), "p", "o", mask=Given(mask))])
    assert found.figures == pytest.approx(
        {
            **dict.fromkeys(("miou", "miou_labels", "mdice", "mdice_labels", "pixels", "photo_iou"), 1.0),
            "unanswered": 0.0,
        }
    )
    assert found.mistakes == []
    assert [row["label"] for row in found.per_label] == ["background", *LABELS]
    assert [row["support"] for row in found.per_label] == [SIDE * SIDE - 64 - 256, 64, 256]


def test_the_networks_order_of_labels_does_not_matter(make_spec: Any) -> None:
    levels, mask = pair()
    swapped = np.array([0, 2, 1], np.uint8)[mask]
    found = measured(make_spec, [Sample(photo(levels), "p", "o", mask=Given(swapped))], ("shoe", "bag"))
    assert found.figures["miou"] == pytest.approx(1.0)


def test_by_hand_with_ignored_pixels(make_spec: Any) -> None:
    """64 pixels are said to be bag: 32 are, 16 are background, 16 nobody judged; 16 bags more are missed."""
    levels, mask = empty(), empty()
    levels[:8, :8] = 100
    mask[:4, :8] = 1
    mask[4:6, :8] = IGNORED
    mask[20:22, :8] = 1
    found = measured(make_spec, [Sample(photo(levels, "bag.jpg"), "p", "o", mask=Given(mask))])
    background = SIDE * SIDE - 32 - 16 - 16 - 16
    assert found.confusion.counts.tolist() == [[background, 16, 0], [16, 32, 0], [0, 0, 0]]
    bag, rest = 32 / 64, background / (background + 32)
    assert found.figures["miou"] == pytest.approx((bag + rest) / 2)
    assert found.figures["miou_labels"] == found.figures["photo_iou"] == pytest.approx(bag)
    assert found.figures["mdice_labels"] == pytest.approx(2 * 32 / (48 + 48))
    assert found.per_label[2] == {"label": "shoe", "support": 0, "iou": None, "dice": None}
    (mistake,) = found.mistakes
    assert (mistake.photo, mistake.truth, mistake.answer) == ("bag.jpg", "bag", "IoU bag 0.50")
    assert mistake.known_mask is not None
    assert mistake.known_mask.shape == mistake.picture.shape[:2]


def test_a_mask_is_compared_at_the_photos_own_size(make_spec: Any) -> None:
    levels, mask = empty(), empty()
    levels[8:20, 8:16], mask[8:20, 8:16] = 100, 1  # its corners are rounded by scaling
    large = [np.repeat(np.repeat(one, 4, axis=0), 6, axis=1) for one in (levels, mask)]
    found = measured(make_spec, [Sample(photo(large[0]), "p", "o", mask=Given(large[1]))])
    assert found.confusion.counts.sum() == SIDE * SIDE * 24
    assert found.figures["miou"] > 0.99


def test_nothing_there_and_nothing_found_is_right(make_spec: Any) -> None:
    found = measured(make_spec, [Sample(photo(empty()), "p", "o", mask=Given(empty()))])
    assert found.figures["photo_iou"] == found.figures["miou"] == 1.0
    assert "miou_labels" not in found.figures


def test_a_mask_of_another_size_is_left_out(make_spec: Any) -> None:
    levels, mask = pair()
    good = Sample(photo(levels), "p", "good", mask=Given(mask))
    found = measured(make_spec, [good, Sample(photo(levels), "p", "bad", mask=Given(mask[:16]))])
    assert found.count == 1
    (problem,) = found.left_out
    assert (problem.origin, problem.code) == ("bad", "wrong_mask_size")
    assert "32 x 16, the photo 32 x 32" in problem.sentence


def test_a_value_without_a_label_is_an_error() -> None:
    with pytest.raises(DataError, match="above 2"):
        confusion(np.full((3, 3), 3, np.uint8), np.zeros((3, 3), np.uint8), 2)


def test_masks_against_a_doctors_boxes(make_spec: Any) -> None:
    """Two regions; one box fits exactly, one half, one lies elsewhere."""
    levels = empty()
    levels[2:12, 2:12] = 100
    levels[20:30, 2:12] = 100
    drawn = (Box(2, 2, 12, 12), Box(2, 20, 12, 26), Box(20, 2, 30, 12))
    instances = tuple(Instance("bag", box) for box in drawn)
    sample = Sample(photo(levels, "scan.png"), "p", "o", instances=instances, second=instances[:1])
    found = measured(make_spec, [sample])
    assert found.figures == pytest.approx(
        {"boxes_precision": 1.0, "boxes_recall": 2 / 3, "boxes_iou": (1 + 0.6 + 0) / 3, "unanswered": 0.0}
    )
    assert found.per_label == []
    (mistake,) = found.mistakes
    assert mistake.truth == "2 of 3 boxes met"
    assert mistake.known_mask is None
    assert mistake.found_mask is not None
    assert found.agreement is not None
    assert found.agreement.people == pytest.approx(2 / 4)
    assert found.agreement.model_first == pytest.approx(4 / 5)
    assert found.agreement.model_second == pytest.approx(2 / 3)


def test_boxes_that_are_met_by_nothing(make_spec: Any) -> None:
    sample = Sample(photo(empty()), "p", "o", instances=(Instance("bag", Box(2, 2, 12, 12)),))
    assert measured(make_spec, [sample]).figures == {
        "boxes_recall": 0.0,
        "boxes_iou": 0.0,
        "unanswered": 0.0,
    }


def test_as_torchmetrics_has_it() -> None:
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 4, (1100, 1200)).astype(np.uint8)  # more than a strip
    answer = np.where(rng.random(truth.shape) < 0.7, truth, rng.integers(0, 4, truth.shape)).astype(np.uint8)
    truth[:5] = IGNORED
    counts = confusion(truth, answer, 3)
    theirs = multiclass_jaccard_index(
        torch.from_numpy(answer).long(),
        torch.from_numpy(truth).long(),
        4,
        average="none",
        ignore_index=IGNORED,
    )
    assert iou(counts) == pytest.approx(theirs.numpy(), abs=1e-6)
    assert means(counts)["miou"] == pytest.approx(float(theirs.mean()), abs=1e-6)
