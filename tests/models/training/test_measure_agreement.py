"""Agreement by hand, and as torchmetrics has it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torchmetrics.functional.classification import multiclass_cohen_kappa

from models.predictions import Box
from models.training.measure import cohen_kappa, matched_f1
from models.training.measure.agreement import of_boxes, of_labels
from models.training.measure.boxes import Boxes, make_boxes, match, overlaps


def at(*rows: tuple[float, int]) -> Boxes:
    """Boxes 10 pixels wide at x, with their labels; the first is the surest."""
    return make_boxes((Box(x, 0, x + 10, 10), label, 1 - k / 100) for k, (x, label) in enumerate(rows))


def test_kappa_by_hand() -> None:
    """The textbook's 50 proposals: both yes 20, both no 15, apart 5 and 10: observed 0.7, by chance 0.5."""
    one = ["yes"] * 25 + ["no"] * 25
    other = ["yes"] * 20 + ["no"] * 5 + ["yes"] * 10 + ["no"] * 15
    assert cohen_kappa(one, other) == pytest.approx(0.4)
    assert cohen_kappa(one, one) == pytest.approx(1.0)
    assert cohen_kappa(["a", "b"], ["b", "a"]) == pytest.approx(-1.0)


def test_kappa_is_torchmetrics() -> None:
    rng = np.random.default_rng(0)
    one = rng.integers(0, 4, 300)
    other = np.where(rng.random(300) < 0.6, one, rng.integers(0, 4, 300))
    theirs = multiclass_cohen_kappa(torch.from_numpy(one), torch.from_numpy(other), num_classes=4)
    assert cohen_kappa(one.tolist(), other.tolist()) == pytest.approx(float(theirs))


def test_kappa_cannot_be_told_where_only_one_label_is_said() -> None:
    assert cohen_kappa(["a", "a"], ["a", "a"]) is None
    assert cohen_kappa([], []) is None
    assert of_labels([], [], []) is None
    assert of_boxes([], [], []) is None


def test_no_answer_agrees_with_nobody() -> None:
    found = of_labels(["a", "b"], ["a", "b"], ["a", None])
    assert found is not None
    assert found.people == pytest.approx(1.0)
    # Observed 1/2, by chance 1/4.
    assert found.model_first == pytest.approx(1 / 3)


def test_f1_of_boxes_by_hand() -> None:
    one, other = at((0, 0), (20, 0), (40, 1)), at((1, 0), (40, 0))
    # 0 and 1 overlap by 9 / 11; the box at 40 has another label. One meets, of five boxes.
    assert matched_f1([(one, other)]) == pytest.approx(2 / 5)
    assert matched_f1([(one, one)]) == 1.0
    assert matched_f1([(one, at())]) == 0.0
    assert matched_f1([(at(), at())]) is None


def test_the_surest_box_chooses_first_and_each_is_met_once() -> None:
    known = at((0, 0), (30, 0))
    assert match(known, at((2, 0), (0, 0), (100, 0))).tolist() == [0, -1, -1]
    assert match(known, at((30, 1))).tolist() == [-1]
    assert match(known, at((30, 1)), any_label=True).tolist() == [1]
    assert match(known, at()).tolist() == []
    assert match(at(), known).tolist() == [-1, -1]


def test_overlaps_by_hand() -> None:
    one = np.array([[0, 0, 10, 10], [5, 5, 5, 5]], float)
    other = np.array([[5, 0, 15, 10], [20, 20, 30, 30], [5, 5, 5, 5]], float)
    assert overlaps(one, other).tolist() == [[pytest.approx(1 / 3), 0, 0], [0, 0, 0]]
