"""torchvision's detectors: Faster and Mask R-CNN, SSD, SSDlite, RetinaNet, FCOS."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from models.draft import Draft
from models.errors import BuilderError
from models.predictions import Task
from models.spec import TORCHVISION, ModelSpec
from models.ssdlite import ssdlite
from models.torchvision_models import torchvision_model

# These score every label by itself and need no class for "nothing here"; the others keep class 0 for it.
WITHOUT_BACKGROUND = ("retinanet", "fcos")


class DetectorNetwork(nn.Module):
    """{"detect": list of dicts}. The model's own resizing stays inside; boxes come back in input pixels.

    Its own normalisation is switched off, since the batch is normalised already.
    """

    def __init__(self, model: Any, class_ids: tuple[int, ...]) -> None:
        super().__init__()
        self.model = model
        self.model.transform.image_mean = [0.0, 0.0, 0.0]
        self.model.transform.image_std = [1.0, 1.0, 1.0]
        if getattr(model, "roi_heads", None) is not None:
            # Mask R-CNN: only its boxes are asked for, and its masks cost most.
            model.roi_heads.mask_roi_pool = model.roi_heads.mask_head = model.roi_heads.mask_predictor = None
        index = torch.full((max(class_ids) + 1,), -1)
        index[list(class_ids)] = torch.arange(len(class_ids))
        self.index: Tensor
        self.register_buffer("index", index, persistent=False)
        self.features_are_finite: Tensor | None = None
        self.model.backbone.register_forward_hook(self._look)

    def forward(self, batch: Tensor) -> dict[Task, list[dict[str, Tensor]]]:
        found = [self._own(one) for one in self.model([*batch])]
        fine, self.features_are_finite = self.features_are_finite, None
        if fine is not None:
            # Detectors drop boxes whose score is not a number: a broken photo would look empty.
            found = [one if ok else _broken(one) for one, ok in zip(found, fine.tolist(), strict=True)]
        return {"detect": found}

    def _own(self, found: dict[str, Tensor]) -> dict[str, Tensor]:
        """From the model's class numbers to indices of the spec's labels; other classes are dropped."""
        numbers = found["labels"]
        known = numbers < len(self.index)
        labels = self.index[numbers.clamp(max=len(self.index) - 1)]
        kept = known & (labels >= 0)
        return {"boxes": found["boxes"][kept], "scores": found["scores"][kept], "labels": labels[kept]}

    def _look(self, _module: nn.Module, _inputs: Any, features: Any) -> None:
        maps = features.values() if isinstance(features, dict) else [features]
        fine = [torch.isfinite(one).flatten(1).all(dim=1) for one in maps]
        self.features_are_finite = torch.stack(fine).all(dim=0)


def detector_draft(name: str, spec: ModelSpec) -> Draft:
    """A detector. Class k + 1 of the network is label k, or class k where there is no background class.

    `options.class_ids` and `options.num_classes` say otherwise. Raises BuilderError, WeightsError.
    """
    class_ids, classes = _classes(spec, first_class(name))
    model = torchvision_model(name, spec, classes, weights_backbone=None)
    spare = ("roi_heads.mask_head.", "roi_heads.mask_predictor.") if name.startswith("maskrcnn") else ()
    published = spec.weights.startswith(TORCHVISION)
    return Draft(model, lambda: DetectorNetwork(model, class_ids), spare, filled=published)


def ssdlite_draft(spec: ModelSpec) -> Draft:
    """SSDlite on MobileNetV2, classes numbered from 1. Raises BuilderError."""
    class_ids, classes = _classes(spec, 1)
    model = ssdlite(classes, spec.preprocessing.size)
    return Draft(model, lambda: DetectorNetwork(model, class_ids))


def first_class(name: str) -> int:
    """The network's number of the first label."""
    return 0 if name.startswith(WITHOUT_BACKGROUND) else 1


def _classes(spec: ModelSpec, first: int) -> tuple[tuple[int, ...], int]:
    """The network's class of each label, and how many classes it has."""
    labels = len(spec.labels)
    class_ids = spec.options.class_ids or tuple(range(first, first + labels))
    classes = spec.options.num_classes or max(labels + first, max(class_ids) + 1)
    if max(class_ids) >= classes:
        raise BuilderError(
            f"{spec.key}: class {max(class_ids)} does not exist in a network of {classes} classes"
        )
    return class_ids, classes


def _broken(found: dict[str, Tensor]) -> dict[str, Tensor]:
    boxes, labels = found["boxes"], found["labels"]
    nan = float("nan")
    return {
        "boxes": boxes.new_full((1, 4), nan),
        "scores": boxes.new_full((1,), nan),
        "labels": labels.new_zeros(1),
    }
