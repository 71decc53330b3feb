"""Every architecture that is offered: built, trained for two steps, saved, loaded as a worker would, and asked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from models.decode import Photo
from models.digest import sha256_of
from models.predictions import Box, Classification, Detections, Segmentation
from models.predictor import load_predictors
from models.training.batches import Batches
from models.training.crew import Crew
from models.training.examples import Examples
from models.training.folder import RunFolder
from models.training.loop import Loop
from models.training.network import make_trainee
from models.training.recipe import Recipe, parse
from models.training.samples import Instance, Mask, PhotoPixels, Sample
from models.training.told import Silence

LABELS = ("circle", "square")
SIDE = 64

CLASSIFIERS = (
    ("alexnet", 64),
    ("resnet18", 32),
    ("resnet50", 32),
    ("mobilenet_v2", 32),
    ("mobilenet_v3_small", 32),
    ("efficientnet_b0", 32),
    ("convnext_tiny", 32),
    ("squeezenet1_1", 64),
    ("densenet121", 32),
    ("googlenet", 64),
    ("regnet_y_400mf", 32),
    ("shufflenet_v2_x0_5", 32),
    ("mnasnet0_5", 32),
    ("vit_b_16", 32),
    ("swin_t", 32),
)
SMALL: dict[str, Any] = {"min_size": 64, "max_size": 64}
DETECTORS: tuple[tuple[str, int, Mapping[str, Any]], ...] = (
    ("torchvision:fasterrcnn_resnet50_fpn", 64, SMALL),
    ("torchvision:fasterrcnn_mobilenet_v3_large_320_fpn", 64, SMALL),
    ("torchvision:maskrcnn_resnet50_fpn", 64, SMALL),
    ("torchvision:retinanet_resnet50_fpn", 64, SMALL),
    ("torchvision:fcos_resnet50_fpn", 64, SMALL),
    ("torchvision:ssd300_vgg16", 300, {}),
    ("torchvision:ssdlite320_mobilenet_v3_large", 320, {}),
    ("tagmill:ssdlite", 320, {}),
)
SEGMENTERS: tuple[tuple[str, str | None, Mapping[str, Any]], ...] = (
    ("torchvision:fcn_resnet50", None, {"aux_loss": True}),
    ("torchvision:deeplabv3_mobilenet_v3_large", None, {}),
    ("torchvision:lraspp_mobilenet_v3_large", None, {}),
    ("smp:Unet", "resnet18", {}),
    ("smp:Unet", "mobilenet_v2", {}),
)


class Drawn:
    """A mask in memory."""

    name = "drawn"

    def __init__(self, mask: Mask) -> None:
        self.mask = mask

    def load(self) -> Mask:
        return self.mask


def samples() -> list[Sample]:
    """Squares of two colours on grey, each with label, box, outline and mask."""
    made = []
    for k in range(8):
        label = LABELS[k % 2]
        pixels = np.full((SIDE, SIDE, 3), 128, np.uint8)
        area = np.s_[8 + k : 40 + k, 10:44]
        pixels[area] = (250, 20, 20) if k % 2 else (20, 20, 250)
        mask = np.zeros((SIDE, SIDE), np.uint8)
        mask[area] = 1 + k % 2
        box = Box(10, 8 + k, 44, 40 + k)
        instance = Instance(label, box, _rle(mask > 0))
        made.append(
            Sample(
                PhotoPixels(pixels, f"photo {k}"),
                f"product {k}",
                "here",
                label,
                (instance,),
                Drawn(mask),
            )
        )
    return made


def _rle(mask: np.ndarray[Any, Any]) -> Mapping[str, Any]:
    from pycocotools import mask as coco

    found: Mapping[str, Any] = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
    return found


def recipe(task: str, builder: str, size: int, **network: Any) -> Recipe:
    return parse(
        {
            "name": "tiny",
            "task": task,
            "network": {"builder": builder, "pretrained": "none", **network},
            "preprocessing": {"size": size, "fit": "squash" if task != "detect" or size >= 300 else "native"},
            "augment": {"flip": 0.5, "rotate": 5, "colour": 0.2},
            "optimise": {"rate": 0.0005},
            "batch": 4,
            "epochs": 1,
        },
        "test",
    )


def train_two_steps(wanted: Recipe, folder: Path) -> Any:
    """Its prediction of one photo, by a predictor that a worker would load."""
    trainee = make_trainee(wanted, LABELS)
    before = {name: one.clone() for name, one in trainee.core.state_dict().items()}
    batches = Batches(Examples(samples(), LABELS, wanted), wanted)
    assert len(batches) == 2
    loop = Loop(
        wanted, trainee, batches, RunFolder(folder), Crew(torch.device("cpu")), Silence(), lambda _: 0.5
    )
    loop.run()
    moved = [name for name, one in loop.weights().items() if not torch.equal(one, before[name])]
    assert len(moved) > len(before) // 4, "hardly anything learnt"
    path = folder / "weights.safetensors"
    save_file({name: one.contiguous() for name, one in load_file(folder / "best.safetensors").items()}, path)
    spec = trainee.spec.model_copy(update={"sha256": sha256_of(path)})
    predictor = load_predictors([spec], {spec.weights: path})[0]
    photo = samples()[0].photo.load()
    return predictor.predict([photo])[0][0], photo


@pytest.fixture(autouse=True)
def _loads_in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAGMILL_LOADERS", "0")


@pytest.mark.parametrize(("name", "size"), CLASSIFIERS, ids=[name for name, _ in CLASSIFIERS])
def test_classifiers(tmp_path: Path, name: str, size: int) -> None:
    extra: dict[str, Any] = {"arguments": {"image_size": 32}} if name == "vit_b_16" else {}
    answer, _ = train_two_steps(recipe("classify", f"torchvision:{name}", size, **extra), tmp_path)
    assert isinstance(answer, Classification)
    assert {one.label for one in answer.scores} == {*LABELS}


@pytest.mark.parametrize(("name", "size", "arguments"), DETECTORS, ids=[name for name, _, _ in DETECTORS])
def test_detectors(tmp_path: Path, name: str, size: int, arguments: Mapping[str, Any]) -> None:
    answer, photo = train_two_steps(recipe("detect", name, size, arguments=arguments), tmp_path)
    assert isinstance(answer, Detections)
    assert all(0 <= one.box.left < one.box.right <= photo.width for one in answer.items)


@pytest.mark.parametrize(
    ("name", "encoder", "arguments"), SEGMENTERS, ids=[f"{name}-{encoder}" for name, encoder, _ in SEGMENTERS]
)
def test_segmenters(tmp_path: Path, name: str, encoder: str | None, arguments: Mapping[str, Any]) -> None:
    wanted = recipe("segment", name, 64, encoder=encoder, arguments=arguments)
    answer, photo = train_two_steps(wanted, tmp_path)
    assert isinstance(answer, Segmentation)
    assert isinstance(photo, Photo)
    assert answer.mask.shape == (photo.height, photo.width)
