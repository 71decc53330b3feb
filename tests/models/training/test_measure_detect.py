"""Figures of detectors: a perfect one, an empty one, and cases by hand."""

from __future__ import annotations

import contextlib
import io
import sys
from typing import Any

import numpy as np
import pytest
import torch
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from torch import Tensor, nn

from models.errors import TrainingError
from models.predictions import Box
from models.predictor import Predictor
from models.training.measure import Measured, measure
from models.training.measure.boxes import Boxes, make_boxes
from models.training.measure.coco import _indexed, average_precision
from models.training.measure.detect import at_threshold, best_threshold, confusion
from models.training.samples import Instance, PhotoPixels, Sample

LABELS = ("bag", "shoe")
LEVELS = {"bag": 100, "shoe": 200}
SIDE = 64


class Boxed(nn.Module):
    """Finds the tight box of each grey level that stands for a label; black photos are empty."""

    def __init__(self, score: float = 0.9, swap: bool = False) -> None:
        super().__init__()
        self.score, self.swap = score, swap

    def forward(self, batch: Tensor) -> dict[str, list[dict[str, Tensor]]]:
        return {"detect": [self.found((255 * photo[0]).round()) for photo in batch]}

    def found(self, levels: Tensor) -> dict[str, Tensor]:
        boxes, labels = [], []
        for k, label in enumerate(LABELS):
            ys, xs = (levels == LEVELS[label]).nonzero(as_tuple=True)
            if len(ys):
                boxes.append([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1])
                labels.append(1 - k if self.swap else k)
        return {
            "boxes": torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4),
            "scores": torch.full((len(labels),), self.score),
            "labels": torch.tensor(labels, dtype=torch.int64),
        }


def shelf(name: str, *objects: tuple[str, Box], second: tuple[Instance, ...] | None = None) -> Sample:
    pixels = np.zeros((SIDE, SIDE, 3), np.uint8)
    for label, box in objects:
        pixels[int(box.top) : int(box.bottom), int(box.left) : int(box.right)] = LEVELS[label]
    instances = tuple(Instance(label, box) for label, box in objects)
    return Sample(PhotoPixels(pixels, name), name, name, instances=instances, second=second)


SHELVES = [
    shelf("one", ("bag", Box(4, 4, 30, 40)), ("shoe", Box(40, 10, 60, 30))),
    shelf("two", ("shoe", Box(0, 0, 20, 20))),
    shelf("none"),
]


def measured(make_spec: Any, network: nn.Module, samples: list[Sample]) -> Measured:
    plain = {"size": SIDE, "fit": "squash", "mean": [0, 0, 0], "std": [1, 1, 1]}
    spec = make_spec(task="detect", labels=list(LABELS), preprocessing=plain)
    return measure(Predictor([spec], network), samples, LABELS)


def test_a_perfect_detector(make_spec: Any, capsys: pytest.CaptureFixture[str]) -> None:
    found = measured(make_spec, Boxed(), SHELVES)
    for name in ("map", "map50", "map75", "map50_any", "precision", "recall", "f1", "found", "right_label"):
        assert found.figures[name] == pytest.approx(1.0), name
    assert found.figures["best_threshold"] == pytest.approx(0.9)
    assert found.mistakes == []
    assert found.confusion.labels == ("bag", "shoe", "nothing")
    assert found.confusion.counts.tolist() == [[1, 0, 0], [0, 2, 0], [0, 0, 0]]
    assert found.curves is not None
    assert set(found.curves) == {"bag", "shoe", "all labels", "any label"}
    assert found.curves["all labels"] == pytest.approx(np.ones(101))
    assert capsys.readouterr().out == ""


def test_an_empty_detector(make_spec: Any) -> None:
    found = measured(make_spec, Boxed(score=0.01), SHELVES)  # below the least score that is stored
    for name in ("map", "map50", "map75", "map50_any", "recall", "f1", "found"):
        assert found.figures[name] == 0.0, name
    assert "precision" not in found.figures
    assert "best_f1" not in found.figures
    assert [row["ap50"] for row in found.per_label] == [0.0, 0.0]
    assert [row["precision"] for row in found.per_label] == [None, None]
    assert [mistake.weight for mistake in found.mistakes] == [2.0, 1.0]
    assert found.mistakes[0].truth == "missed bag, shoe"
    assert found.confusion.counts.tolist() == [[0, 0, 1], [0, 0, 2], [0, 0, 0]]


def test_right_places_with_wrong_names(make_spec: Any) -> None:
    found = measured(make_spec, Boxed(swap=True), SHELVES)
    assert found.figures["map50"] == 0.0
    assert found.figures["map50_any"] == pytest.approx(1.0)
    assert found.figures["found"] == 1.0
    assert found.figures["right_label"] == 0.0
    worst = found.mistakes[0]
    assert worst.answer == "false shoe 0.90, bag 0.90"
    assert worst.weight == pytest.approx(2 + 2 * 0.9)
    assert [box.right for box in (*worst.known_boxes, *worst.found_boxes)] == [False] * 4


def test_photos_without_any_object_tell_nothing_of_map(make_spec: Any) -> None:
    found = measured(make_spec, Boxed(), [shelf("none"), shelf("none either")])
    assert found.figures == {"unanswered": 0.0}
    assert not found.curves


def test_two_people_and_the_model(make_spec: Any) -> None:
    one, other = Box(4, 4, 30, 40), Box(40, 10, 60, 30)
    samples = [
        shelf("one", ("bag", one), ("shoe", other), second=(Instance("bag", one),)),
        shelf("two", ("shoe", other)),
    ]
    agreement = measured(make_spec, Boxed(), samples).agreement
    assert agreement is not None
    assert (agreement.measure, agreement.count) == ("f1", 1)
    assert agreement.people == agreement.model_second == pytest.approx(2 / 3)
    assert agreement.model_first == 1.0


def boxes(*rows: tuple[float, int, float]) -> Boxes:
    return make_boxes((Box(x, 0, x + 40, 40), label, score) for x, label, score in rows)


KNOWN = [boxes((0, 0, 1), (100, 0, 1))]
FOUND = [boxes((0, 0, 0.9), (50, 0, 0.8), (100, 0, 0.7))]


def test_average_precision_by_hand() -> None:
    """Right, wrong, right: precision 1 up to a recall of 0.5 (51 of 101 points), then 2 / 3."""
    expected = (51 + 50 * 2 / 3) / 101
    found = average_precision(KNOWN, FOUND, 2)
    assert found.figures["map50"] == pytest.approx(expected)
    assert found.figures["map"] == pytest.approx(expected)
    assert np.isnan(found.figures["map_small"])
    assert found.figures["map_medium"] == pytest.approx(expected)
    assert found.ap50.tolist() == [pytest.approx(expected), pytest.approx(float("nan"), nan_ok=True)]
    assert found.curves[:, 0].tolist() == pytest.approx([1.0] * 51 + [2 / 3] * 50)


def test_figures_are_those_that_pycocotools_sums_up() -> None:
    rng = np.random.default_rng(5)

    def some(count: int) -> Boxes:
        corner = rng.uniform(0, 300, (count, 2))
        size = rng.choice([20, 60, 150], (count, 1)) * rng.uniform(0.8, 1.2, (count, 2))
        return Boxes(np.hstack((corner, corner + size)), rng.integers(0, 3, count), np.ones(count))

    known = [some(8) for _ in range(40)]
    found = []
    for one in known:
        extra = some(6)
        corners = np.vstack((one.corners + rng.normal(0, 4, one.corners.shape), extra.corners))
        order = np.argsort(-(scores := rng.random(14)))
        labels = np.concatenate((one.labels, extra.labels))
        found.append(Boxes(corners[order], labels[order], scores[order]))
    scoring = COCOeval(*(_indexed(COCO(), photos, 3) for photos in (known, found)), "bbox")
    with contextlib.redirect_stdout(io.StringIO()):
        scoring.evaluate()
        scoring.accumulate()
        scoring.summarize()
    figures = average_precision(known, found, 3).figures
    names = ("map", "map50", "map75", "map_small", "map_medium", "map_large")
    assert [figures[name] for name in names] == pytest.approx(scoring.stats[:6].tolist())
    assert 0.05 < figures["map_small"] < figures["map50"] < 0.95


def test_half_an_overlap_is_enough_at_50_and_not_at_75() -> None:
    found = average_precision([boxes((0, 0, 1))], [boxes((10, 0, 0.9))], 1)  # IoU 30 / 50
    assert found.figures["map50"] == pytest.approx(1.0)
    assert found.figures["map75"] == 0.0
    assert found.figures["map"] == pytest.approx(0.3)  # at 0.5, 0.55 and 0.6 of ten


def test_without_pycocotools_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pycocotools.coco", None)
    with pytest.raises(TrainingError, match=r"pip install 'tagmill\[train\]'"):
        average_precision(KNOWN, FOUND, 2)


def test_threshold_by_hand() -> None:
    assert at_threshold(KNOWN, [FOUND[0].above(0.75)]) == pytest.approx(
        {"precision": 0.5, "recall": 0.5, "f1": 0.5, "found": 0.5, "right_label": 1.0}
    )
    # One box: 2 · 1 / (1 + 2); two: 2 / 4; three: 4 / 5.
    assert best_threshold(KNOWN, FOUND) == pytest.approx({"best_f1": 0.8, "best_threshold": 0.7})
    # Boxes of one score cannot be told apart by a threshold.
    same = [boxes((0, 0, 0.6), (200, 0, 0.6), (250, 0, 0.6))]
    assert best_threshold(KNOWN, same) == pytest.approx({"best_f1": 0.4, "best_threshold": 0.6})


def test_confusion_by_hand() -> None:
    known, found = boxes((0, 0, 1), (100, 1, 1)), boxes((0, 1, 0.9), (200, 0, 0.8), (300, 0, 0.7))
    assert confusion([known], [found], 2).tolist() == [[0, 1, 0], [0, 0, 1], [2, 0, 0]]
