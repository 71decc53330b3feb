"""Figures of classifiers, against values by hand and torchmetrics."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torchmetrics.functional.classification import (
    multiclass_accuracy,
    multiclass_f1_score,
    multiclass_precision,
    multiclass_recall,
)

from models.predictor import Predictor
from models.training.measure import measure
from models.training.measure.classify import confusion, macro, per_label, ranks
from models.training.samples import PhotoPixels, Sample

LABELS = ("red", "green", "blue")
LEVELS = {"red": (200, 20, 40), "green": (20, 200, 40), "blue": (20, 40, 200)}


class ByColour(nn.Module):
    """Logits are the mean colour, times 5; of black photos they are no numbers."""

    def forward(self, batch: Tensor) -> dict[str, Tensor]:
        means = batch.mean(dim=(2, 3))
        return {"classify": torch.where(means.sum(dim=1, keepdim=True) > 0.02, 5 * means, torch.nan)}


def coloured(colour: str, label: str, second: str | None = None) -> Sample:
    pixels = np.full((20, 30, 3), LEVELS.get(colour, (0, 0, 0)), np.uint8)
    return Sample(
        PhotoPixels(pixels, f"{colour}.jpg"), colour, f"labels.csv:{label}", label=label, second=second
    )


@pytest.fixture
def predictor(make_spec: Any) -> Predictor:
    plain = {"size": 16, "fit": "squash", "mean": [0, 0, 0], "std": [1, 1, 1]}
    return Predictor([make_spec(labels=["blue", "green", "red"], preprocessing=plain)], Swapped())


class Swapped(ByColour):
    """The same in the order blue, green, red."""

    def forward(self, batch: Tensor) -> dict[str, Tensor]:
        return {"classify": super().forward(batch)["classify"].flip(1)}


SAMPLES = [
    coloured("red", "red"),
    coloured("red", "red"),
    coloured("green", "green"),
    coloured("green", "red"),
    coloured("blue", "blue"),
]


def test_figures_by_hand_whatever_the_order_of_the_networks_labels(predictor: Predictor) -> None:
    found = measure(predictor, SAMPLES, LABELS)
    assert found.count == 5
    assert found.figures["top1"] == pytest.approx(0.8)
    assert found.confusion.counts.tolist() == [[2, 1, 0], [0, 1, 0], [0, 0, 1]]
    rows = {row["label"]: row for row in found.per_label}
    assert [row["label"] for row in found.per_label] == list(LABELS)
    assert rows["red"] == {
        "label": "red",
        "support": 3,
        "precision": 1.0,
        "recall": pytest.approx(2 / 3),
        "f1": pytest.approx(0.8),
    }
    assert rows["green"]["precision"] == 0.5
    assert found.figures["macro_recall"] == pytest.approx((2 / 3 + 1 + 1) / 3)
    assert "top5" not in found.figures
    assert "ece_calibrated" not in found.figures
    assert found.temperature is None


def test_the_surest_wrong_answer_is_kept_with_its_picture(predictor: Predictor) -> None:
    (mistake,) = measure(predictor, SAMPLES, LABELS).mistakes
    logits = 5 * torch.tensor(LEVELS["green"]) / 255
    score = float(logits.softmax(dim=0)[1])
    assert (mistake.truth, mistake.photo, mistake.origin) == ("red", "green.jpg", "labels.csv:red")
    assert mistake.weight == pytest.approx(score, abs=1e-3)
    assert mistake.answer == f"green {score:.2f}"
    assert mistake.picture.shape == (20, 30, 3)


def test_a_photo_without_an_answer_is_a_wrong_answer(predictor: Predictor) -> None:
    found = measure(predictor, [*SAMPLES, coloured("black", "red")], LABELS, temperature="fit")
    assert found.figures["unanswered"] == pytest.approx(1 / 6)
    assert found.figures["top1"] == pytest.approx(4 / 6)
    assert found.per_label[0]["support"] == 4
    assert found.per_label[0]["recall"] == pytest.approx(2 / 4)
    assert all(np.isfinite(list(found.figures.values())))
    assert len(found.mistakes) == 1


def test_the_validations_temperature_is_taken_not_fitted(predictor: Predictor) -> None:
    given = measure(predictor, SAMPLES, LABELS, temperature=2.0)
    assert given.temperature == 2.0
    assert measure(predictor, SAMPLES, LABELS, temperature="fit").temperature is None  # too few
    fitted = measure(predictor, 12 * SAMPLES, LABELS, temperature="fit")
    assert fitted.temperature not in (None, 2.0)
    assert fitted.figures["nll_calibrated"] <= given.figures["nll_calibrated"]
    assert fitted.figures["nll_calibrated"] <= fitted.figures["nll"]
    assert fitted.calibrated is not None


def test_two_people_and_the_model(predictor: Predictor) -> None:
    samples = [
        coloured("red", "red", "red"),
        coloured("red", "red", "green"),
        coloured("green", "green", "green"),
        coloured("green", "green", "green"),
        coloured("blue", "blue"),
    ]
    agreement = measure(predictor, samples, LABELS).agreement
    assert agreement is not None
    # Observed 3/4; by chance 2/4 · 1/4 + 2/4 · 3/4 = 1/2.
    assert (agreement.measure, agreement.count) == ("kappa", 4)
    assert agreement.people == pytest.approx(0.5)
    assert agreement.model_first == pytest.approx(1.0)
    assert agreement.model_second == pytest.approx(0.5)


def test_logits_are_what_predict_takes_the_softmax_of(predictor: Predictor) -> None:
    photos = [one.photo.load() for one in SAMPLES] * 2
    scores = predictor.logits(photos).softmax(dim=1)
    assert scores.shape == (10, 3)
    for row, (answer,) in zip(scores, predictor.predict(photos), strict=True):
        told = {one.label: one.score for one in answer.scores}
        assert [told[label] for label in ("blue", "green", "red")] == pytest.approx(row.tolist())
    assert predictor.logits([]).shape == (0, 3)


@pytest.mark.parametrize("labels", [2, 7])
def test_as_torchmetrics_has_it(labels: int) -> None:
    generator = torch.Generator().manual_seed(labels)
    logits = torch.randn(400, labels, generator=generator)
    truth = torch.randint(0, labels, (400,), generator=generator)
    logits[torch.arange(400), truth] += 1
    fine = torch.ones(400, dtype=torch.bool)
    counts = confusion(truth, logits.argmax(dim=1), labels)
    found = macro(per_label(counts, counts.sum(axis=1), [str(k) for k in range(labels)]))
    for name, theirs in (
        ("macro_precision", multiclass_precision),
        ("macro_recall", multiclass_recall),
        ("macro_f1", multiclass_f1_score),
    ):
        assert found[name] == pytest.approx(float(theirs(logits, truth, labels)), abs=1e-6)
    tops = ranks(logits, truth, fine)
    assert tops["top1"] == pytest.approx(float(multiclass_accuracy(logits, truth, labels, average="micro")))
    if labels > 5:
        theirs_5 = multiclass_accuracy(logits, truth, labels, average="micro", top_k=5)
        assert tops["top5"] == pytest.approx(float(theirs_5))


def test_labels_that_do_not_occur_count_for_nothing() -> None:
    rows = per_label(np.array([[3, 1, 0], [0, 0, 0], [0, 0, 0]]), np.array([4, 0, 0]), LABELS)
    assert rows[2]["f1"] is None
    assert rows[1] == {"label": "green", "support": 0, "precision": 0.0, "recall": 0.0, "f1": 0.0}
    assert macro(rows) == pytest.approx({"macro_precision": 0.5, "macro_recall": 0.375, "macro_f1": 3 / 7})


def test_worst_mistakes_are_few_and_in_order(predictor: Predictor) -> None:
    def shade(level: int) -> Sample:
        pixels = np.full((8, 8, 3), (20, level, 20), np.uint8)
        return Sample(PhotoPixels(pixels, f"{level}"), str(level), str(level), label="blue")

    found = measure(predictor, [shade(level) for level in (*range(60, 256, 3), *range(61, 256, 3))], LABELS)
    weights = [mistake.weight for mistake in found.mistakes]
    assert len(weights) == 24
    assert weights == sorted(weights, reverse=True)
    assert found.mistakes[0].photo == "255"
