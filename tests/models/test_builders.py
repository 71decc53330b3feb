"""Builders by name: the raw form is the same for all, and class numbers become labels."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from models.builders import build_network
from models.detector import DetectorNetwork
from models.errors import BuilderError


@pytest.mark.parametrize(
    "name",
    [
        "alexnet",
        "efficientnet_b0",
        "googlenet",
        "inception_v3",
        "mnasnet0_5",
        "mobilenet_v2",
        "regnet_y_400mf",
        "shufflenet_v2_x0_5",
        "squeezenet1_0",
        "swin_t",
        "vit_b_32",
    ],
)
def test_classifiers_and_their_embeddings(make_spec: Any, name: str) -> None:
    """Every family of torchvision: the layer that is cut off is the one that makes the logits."""
    builder = f"torchvision:{name}"
    specs = [make_spec(builder=builder), make_spec(builder=builder, task="embed", labels=[])]
    network = build_network(specs)
    side = 224 if name.startswith("vit") else 96
    with torch.inference_mode():
        raw = network(torch.randn(2, 3, side, side))
    assert raw["classify"].shape == (2, 3)
    assert raw["embed"].dim() == 2
    assert raw["embed"].shape[1] >= 512 or name in ("regnet_y_400mf",)


def test_class_ids_pick_outputs(make_spec: Any) -> None:
    whole = build_network([make_spec(labels=[str(k) for k in range(9)])])
    some = build_network([make_spec(labels=["b", "c"], options={"num_classes": 9, "class_ids": [7, 2]})])
    some.trunk.load_state_dict(whole.trunk.state_dict())
    some.last.load_state_dict(whole.last.state_dict())
    batch = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        assert torch.allclose(some(batch)["classify"], whole(batch)["classify"][:, [7, 2]])


def test_segment_class_ids_keep_the_background(make_spec: Any) -> None:
    builder = {"builder": "torchvision:lraspp_mobilenet_v3_large", "task": "segment"}
    network = build_network(
        [make_spec(labels=["cat"], options={"num_classes": 21, "class_ids": [8]}, **builder)]
    )
    with torch.inference_mode():
        batch = torch.randn(1, 3, 64, 64)
        assert torch.equal(network(batch)["segment"], network.model(batch)["out"][:, [0, 8]])


@pytest.mark.parametrize(
    ("builder", "options", "numbers", "expected"),
    [
        ("ssdlite320_mobilenet_v3_large", {}, [1, 2, 3], [0, 1, 2]),
        ("fcos_resnet50_fpn", {}, [0, 1, 2], [0, 1, 2]),
        ("fcos_resnet50_fpn", {"num_classes": 4, "class_ids": [1, 2, 3]}, [1, 3], [0, 2]),
        (
            "ssdlite320_mobilenet_v3_large",
            {"num_classes": 91, "class_ids": [17, 5, 90]},
            [5, 6, 17, 90],
            [1, 0, 2],
        ),
    ],
)
def test_detectors_speak_of_labels(
    make_spec: Any, builder: str, options: dict[str, Any], numbers: list[int], expected: list[int]
) -> None:
    spec = make_spec(builder=f"torchvision:{builder}", task="detect", options=options)
    network = build_network([spec])
    assert isinstance(network, DetectorNetwork)
    count = len(numbers)
    found = network._own(
        {
            "boxes": torch.zeros(count, 4),
            "scores": torch.arange(count).float(),
            "labels": torch.tensor(numbers),
        }
    )
    assert found["labels"].tolist() == expected
    assert found["boxes"].shape == (len(expected), 4)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"builder": "torchvision:resnet81"}, "did you mean resnet"),
        ({"builder": "torchvision:r3d_18"}, "no builder r3d_18"),
        ({"builder": "torchvision:resnet18", "task": "segment"}, "does classify and embed, not segment"),
        ({"builder": "torchvision:fcn_resnet50", "task": "detect"}, "does segment, not detect"),
        ({"builder": "torchvision:resnet18", "options": {"builder": {"no_such": 1}}}, "refuses its options"),
        ({"builder": "smp:Nothing", "task": "segment"}, "smp has no Nothing"),
        ({"builder": "smp:Unet", "task": "classify"}, "does segment"),
        (
            {"builder": "smp:Unet", "task": "segment", "options": {"encoder": "no_such"}},
            "refuses its options",
        ),
        ({"builder": "tagmill:u2netp", "task": "embed", "labels": []}, "does segment"),
        (
            {"builder": "torchvision:fcos_resnet50_fpn", "task": "detect", "options": {"num_classes": 2}},
            "class 2 does not exist",
        ),
    ],
)
def test_builders_that_cannot_be(make_spec: Any, fields: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BuilderError, match=sentence):
        build_network([make_spec(**fields)])
