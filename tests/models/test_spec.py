"""Specs: what is accepted, what is refused and how that is said."""

from __future__ import annotations

from typing import Any

import pytest

from models.errors import SpecError
from models.spec import ModelSpec

SHA = "a" * 64


def test_round_trip(make_spec: Any) -> None:
    spec = make_spec(
        preprocessing={"size": 224, "fit": "crop", "resize": 256},
        options={"class_ids": [3, 1, 2], "num_classes": 9, "builder": {"dropout": 0.1}},
        metrics={"accuracy": 0.91},
        license="MIT",
    )
    assert spec.key == "test@1"
    assert ModelSpec.parse(spec.to_json()) == spec
    assert ModelSpec.parse(spec.to_dict()) == spec
    assert "on_ingest" not in spec.to_dict()


def test_a_spec_cannot_be_changed(make_spec: Any) -> None:
    with pytest.raises(ValueError, match="frozen"):
        make_spec().name = "other"


def test_weights_of_torchvision_need_no_hash(make_spec: Any) -> None:
    assert make_spec(weights="torchvision:IMAGENET1K_V1", sha256=None).sha256 is None


def test_embedding_needs_no_labels(make_spec: Any) -> None:
    assert make_spec(task="embed", labels=[]).labels == ()


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"labels": []}, "needs labels"),
        ({"labels": ["bag", "bag"]}, "'bag' is there twice"),
        ({"labels": ["bag", ""]}, "labels.1"),
        ({"task": "segment", "labels": [str(k) for k in range(256)]}, "at most 255"),
        ({"task": "paint"}, "task"),
        ({"name": "Not A Name"}, "name"),
        ({"name": "../up"}, "name"),
        ({"version": 0}, "version"),
        ({"builder": "os:system"}, "builder"),
        ({"builder": "tagmill:other"}, "builder"),
        ({"sha256": "abc"}, "sha256"),
        ({"sha256": None}, "sha256 of the weights file is needed"),
        ({"preprocessing": {"size": 8}}, "preprocessing.size"),
        ({"preprocessing": {"size": 4096}}, "preprocessing.size"),
        ({"preprocessing": {"size": 64, "fit": "tile"}}, "preprocessing.fit"),
        ({"preprocessing": {"size": 64, "std": [1, 0, 1]}}, "std must be above 0"),
        ({"preprocessing": {"size": 64, "mean": [float("nan"), 0, 1]}}, "preprocessing.mean"),
        ({"preprocessing": {"size": 64, "resize": 80}}, 'resize belongs to fit "crop"'),
        ({"options": {"topk": 3}}, "options.topk"),
        ({"options": {"class_ids": [1, 2]}}, "one index"),
        ({"builder": "smp:Unet", "task": "segment", "preprocessing": {"size": 100}}, "multiple of 32"),
        (
            {"builder": "smp:Unet", "task": "segment", "weights": "torchvision:X"},
            "only builders of torchvision",
        ),
        ({"options": {"encoder": "tu-hf-hub:somebody/model"}}, "options.encoder"),
        ({"options": {"encoder": "../encoder"}}, "options.encoder"),
        ({"options": {"num_classes": 10**9}}, "options.num_classes"),
        ({"options": {"class_ids": [0, 1, 10**12]}}, "options.class_ids"),
        ({"builder": "torchvision:resnet18\n"}, "builder"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_wrong_specs(make_spec: Any, fields: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SpecError, match="this model spec is wrong") as caught:
        make_spec(**fields)
    assert sentence in str(caught.value)


def test_broken_json() -> None:
    with pytest.raises(SpecError, match="JSON"):
        ModelSpec.parse("{")
