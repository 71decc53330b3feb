"""The pass itself: what it refuses, what it leaves out, and how much it holds at once."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from models.decode import Photo
from models.errors import DataError, SpecError
from models.predictions import Box
from models.predictor import Predictor
from models.training.measure import measure
from models.training.measure.reading import AHEAD
from models.training.samples import Instance, PhotoFile, PhotoPixels, Sample

LABELS = ("bag", "coat", "shoe")


class First(nn.Module):
    def forward(self, batch: Tensor) -> dict[str, Tensor]:
        return {"classify": torch.tensor([[2.0, 1.0, 0.0]]).repeat(len(batch), 1)}


@pytest.fixture
def predictor(make_spec: Any) -> Predictor:
    return Predictor([make_spec(preprocessing={"size": 16})], First())


def sample(label: str = "bag", **fields: Any) -> Sample:
    pixels = PhotoPixels(np.zeros((8, 8, 3), np.uint8), "photo.jpg")
    return Sample(**{"photo": pixels, "product": "1", "origin": "labels.csv:7", "label": label, **fields})


def test_photos_are_read_a_few_at_a_time_and_progress_is_told(predictor: Predictor) -> None:
    count, told, lock = 100, [], threading.Lock()
    begun = most = 0

    def load(one: Sample) -> Photo:
        nonlocal begun, most
        with lock:
            begun += 1
            most = max(most, begun - (told[-1][0] if told else 0))
        return one.photo.load()

    measure(
        predictor, [sample()] * count, LABELS, load=load, on_progress=lambda done, of: told.append((done, of))
    )
    assert begun == count
    assert most <= 2 * predictor.batch_size + AHEAD
    assert told[-1] == (count, count)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_photos_that_cannot_be_read_are_left_out_and_named(predictor: Predictor, tmp_path: Path) -> None:
    (tmp_path / "torn.jpg").write_bytes(b"\xff\xd8\xff\xe0 not much")
    samples = [
        sample(),
        sample(photo=PhotoFile(tmp_path / "torn.jpg"), origin="torn"),
        sample("coat"),
        sample(photo=PhotoFile(tmp_path / "gone.jpg"), origin="gone"),
    ]
    found = measure(predictor, samples, LABELS)
    assert found.count == 2
    assert found.figures["top1"] == 0.5
    assert [one.origin for one in found.left_out] == ["torn", "gone"]
    assert found.left_out[1].code == "unreadable"
    assert "gone.jpg" in found.left_out[1].sentence
    with pytest.raises(DataError, match="cannot be measured on 1 photos"):
        measure(predictor, samples[1:2], LABELS)
    with pytest.raises(DataError, match="there are none"):
        measure(predictor, [], LABELS)


def test_an_error_ends_the_pass_and_its_threads(predictor: Predictor) -> None:
    def load(one: Sample) -> Photo:
        raise KeyError("a fault of the program")

    with pytest.raises(KeyError, match="fault"):
        measure(predictor, [sample()] * 50, LABELS, load=load)
    assert not [one for one in threading.enumerate() if one.name.startswith("measure")]


def test_other_labels_are_refused(predictor: Predictor) -> None:
    with pytest.raises(SpecError, match="only the model has coat; only the photos have hat"):
        measure(predictor, [sample()], ("bag", "hat", "shoe"))


@pytest.mark.parametrize(
    "fields",
    [{"label": "hat"}, {"second": "hat"}, {"instances": (Instance("hat", Box(0, 0, 1, 1)),)}],
    ids=str,
)
def test_unknown_labels_of_samples_are_named(predictor: Predictor, fields: dict[str, Any]) -> None:
    with pytest.raises(DataError, match=r"labels\.csv:7: the label 'hat'"):
        measure(predictor, [sample(**fields)], LABELS)


def test_samples_of_another_task_are_refused(predictor: Predictor) -> None:
    with pytest.raises(DataError, match="nothing to measure classify by"):
        measure(predictor, [sample(label=None, instances=())], LABELS)


def test_one_model_at_a_time(make_spec: Any) -> None:
    specs = [make_spec(), make_spec(name="other")]
    with pytest.raises(SpecError, match="test@1, other@1"):
        measure(Predictor(specs, First()), [sample()], LABELS)


def test_only_classifiers_have_logits(make_spec: Any) -> None:
    with pytest.raises(SpecError, match="no logits"):
        Predictor([make_spec(task="segment")], First()).logits([])
