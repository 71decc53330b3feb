"""Figures against cases small enough to work out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from models.predictions import Box, Detection
from workers.demo.score import KnownBoxes, accuracy, agrees, average_precision, box_iou, mask_overlap


def known(*items: tuple[str, tuple[float, float, float, float]]) -> KnownBoxes:
    boxes = np.array([box for _, box in items], np.float32).reshape(-1, 4)
    return KnownBoxes(boxes, tuple(label for label, _ in items))


def found(label: str, box: tuple[float, float, float, float], score: float = 0.9) -> Detection:
    return Detection(label, score, Box(*box))


def test_accuracy_counts_a_photo_without_an_answer_as_wrong() -> None:
    truth = {"a": "Bag", "b": "Coat", "c": "Bag", "d": "Shirt"}
    assert accuracy(truth, {"a": "Bag", "b": "Bag", "c": "Bag", "other": "Bag"}) == 0.5
    assert accuracy({}, {}) == 0.0


def test_perfect_boxes_score_one() -> None:
    truth = [known(("Bag", (10, 10, 50, 50)), ("Coat", (60, 0, 90, 40))), known(("Bag", (0, 0, 20, 20)))]
    answers = [
        [found("Bag", (10, 10, 50, 50)), found("Coat", (60, 0, 90, 40))],
        [found("Bag", (0, 0, 20, 20))],
    ]
    score = average_precision(truth, answers)
    assert score is not None
    assert (score.at_50, score.at_50_95) == pytest.approx((1.0, 1.0))


def test_a_label_that_is_never_found_halves_the_mean() -> None:
    truth = [known(("Bag", (10, 10, 50, 50)), ("Coat", (60, 0, 90, 40)))]
    score = average_precision(truth, [[found("Bag", (10, 10, 50, 50)), found("Bag", (60, 0, 90, 40), 0.4)]])
    assert score is not None
    assert score.at_50 == pytest.approx(0.5)


def test_a_loose_box_counts_only_at_low_overlap() -> None:
    # 100 x 100 against 100 x 60 within it: an IoU of 0.6, right at 0.50, 0.55 and 0.60, wrong at the other seven.
    score = average_precision([known(("Bag", (0, 0, 100, 100)))], [[found("Bag", (0, 0, 100, 60))]])
    assert score is not None
    assert score.at_50 == pytest.approx(1.0)
    assert score.at_50_95 == pytest.approx(0.3)


def test_photos_are_kept_apart() -> None:
    truth = [known(("Bag", (0, 0, 10, 10))), known()]
    score = average_precision(truth, [[], [found("Bag", (0, 0, 10, 10))]])
    assert score is not None
    assert score.at_50 == 0.0


def test_nothing_found_scores_zero(capsys: pytest.CaptureFixture[str]) -> None:
    score = average_precision([known(("Bag", (0, 0, 10, 10)))], [[]])
    assert score is not None
    assert (score.at_50, score.at_50_95) == (0.0, 0.0)
    assert capsys.readouterr().out == ""


def test_box_iou() -> None:
    assert box_iou((0, 0, 10, 10), (5, 0, 15, 10)) == pytest.approx(1 / 3)
    assert box_iou((0, 0, 10, 10), (10, 0, 20, 10)) == 0.0
    assert box_iou((0, 0, 0, 0), (0, 0, 0, 0)) == 0.0


def test_each_known_box_is_met_once_and_by_its_own_label() -> None:
    truth = known(("Bag", (0, 0, 10, 10)), ("Coat", (20, 0, 30, 10)))
    answers = [
        found("Bag", (0, 0, 10, 10)),
        found("Bag", (0, 0, 10, 9)),
        found("Shirt", (20, 0, 30, 10)),
        found("Coat", (20, 0, 30, 6)),
    ]
    assert agrees(truth, answers) == [True, False, False, True]


def test_mask_overlap_is_over_all_pixels_together() -> None:
    one = np.array([[True, True, False, False]])
    shifted = np.array([[False, True, True, False]])
    overlap = mask_overlap([(one, shifted)])
    assert overlap.product == pytest.approx(1 / 3)
    assert overlap.background == pytest.approx(1 / 3)
    # Two pixels of a second photo, both right: product 2 of 4, background 2 of 4.
    more = mask_overlap([(one, shifted), (np.array([[True, False]]), np.array([[True, False]]))])
    assert (more.product, more.background, more.mean) == pytest.approx((0.5, 0.5, 0.5))


def test_masks_without_any_product_agree() -> None:
    empty = np.zeros((3, 3), np.bool_)
    assert mask_overlap([(empty, empty)]).mean == 1.0
