"""Calibration error as torchmetrics has it, and temperatures that are known beforehand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from torchmetrics.functional.classification import multiclass_calibration_error

from models.training.measure import fit_temperature, reliability
from models.training.measure.calibration import LEAST, MOST, calibrating_temperature, log_loss


def honest(count: int, labels: int = 6) -> tuple[Tensor, Tensor]:
    """Logits (count, labels), and truths drawn at the chances that they state."""
    generator = torch.Generator().manual_seed(3)
    logits = 2 * torch.randn(count, labels, generator=generator)
    return logits, torch.multinomial(logits.softmax(dim=1), 1, generator=generator).squeeze(1)


@pytest.mark.parametrize("known", [0.4, 1.0, 3.0])
def test_a_known_temperature_is_recovered(known: float) -> None:
    logits, truth = honest(20_000)
    assert fit_temperature(known * logits, truth) == pytest.approx(known, rel=0.03)


def test_it_is_the_least_log_loss_and_mends_the_scores() -> None:
    logits, truth = honest(5_000)
    logits = 2.5 * logits
    found = fit_temperature(logits, truth)
    least = log_loss(logits, truth, found)
    assert all(log_loss(logits, truth, found * factor) > least for factor in (0.9, 0.99, 1.01, 1.1))
    assert reliability(logits, truth, found).error < 0.25 * reliability(logits, truth).error


def test_always_right_and_always_wrong_have_bounds() -> None:
    logits = torch.tensor([[9.0, 0.0], [0.0, 9.0]])
    assert fit_temperature(logits, torch.tensor([0, 1])) == pytest.approx(LEAST)
    assert fit_temperature(logits, torch.tensor([1, 0])) == pytest.approx(MOST)


def test_what_says_nothing_of_other_photos_is_not_used() -> None:
    logits, truth = honest(400)
    assert calibrating_temperature(logits, truth) == pytest.approx(fit_temperature(logits, truth))
    assert calibrating_temperature(logits[:20], truth[:20]) is None
    assert calibrating_temperature(logits, logits.argmax(dim=1)) is None


def test_the_error_is_torchmetrics() -> None:
    logits, truth = honest(2_000)
    logits = 1.7 * logits
    theirs = multiclass_calibration_error(logits, truth, num_classes=6, n_bins=15, norm="l1")
    assert reliability(logits, truth).error == pytest.approx(float(theirs), abs=1e-5)


def test_bins_by_hand() -> None:
    """Scores 0.75 (right), 0.75 (wrong) and 0.99 (right): the gaps are 0.25 twice and 0.01."""
    scores = torch.tensor([0.75, 0.75, 0.99])
    logits = torch.stack((scores, 1 - scores), dim=1).log()
    found = reliability(logits, torch.tensor([0, 1, 0]))
    assert found.count[11] == 2
    assert found.right[11] == 0.5
    assert found.score[14] == pytest.approx(0.99)
    assert np.count_nonzero(found.count) == 2
    assert found.error == pytest.approx((2 * 0.25 + 0.01) / 3, abs=1e-6)
