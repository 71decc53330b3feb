"""Segmentation: torchvision's FCN, DeepLabV3 and LR-ASPP; U-Net and kin of segmentation-models-pytorch."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from models.draft import Draft
from models.errors import BuilderError
from models.predictions import Task
from models.spec import TORCHVISION, ModelSpec
from models.torchvision_models import torchvision_model
from models.weights_limits import check_network

SMP = (
    "Unet",
    "UnetPlusPlus",
    "MAnet",
    "Linknet",
    "FPN",
    "PSPNet",
    "PAN",
    "DeepLabV3",
    "DeepLabV3Plus",
    "UPerNet",
)


class SegmenterNetwork(nn.Module):
    """{"segment": logits (N, 1 + labels, h, w)}, channel 0 background."""

    def __init__(self, model: nn.Module, class_ids: tuple[int, ...] | None) -> None:
        super().__init__()
        self.model = model
        kept = None if class_ids is None else torch.tensor((0, *class_ids))
        self.register_buffer("kept", kept, persistent=False)

    def forward(self, batch: Tensor) -> dict[Task, Tensor]:
        logits = self.model(batch)
        if isinstance(logits, dict):
            logits = logits["out"]
        if logits.shape[1] == 1:
            # One channel with a sigmoid is a softmax against a background of zero.
            logits = torch.cat((torch.zeros_like(logits), logits), dim=1)
        if self.kept is not None:
            logits = logits.index_select(1, self.kept)
        return {"segment": logits}


def torchvision_segmenter_draft(name: str, spec: ModelSpec) -> Draft:
    """FCN, DeepLabV3 or LR-ASPP. Raises BuilderError, WeightsError."""
    model: Any = torchvision_model(name, spec, _classes(spec), weights_backbone=None)

    def finish() -> nn.Module:
        if hasattr(model, "aux_classifier"):
            model.aux_classifier = None
        return SegmenterNetwork(model, spec.options.class_ids)

    return Draft(model, finish, ("aux_classifier.",), filled=spec.weights.startswith(TORCHVISION))


def smp_draft(name: str, spec: ModelSpec) -> Draft:
    """segmentation-models-pytorch with `options.encoder` (default resnet34). Raises BuilderError."""
    if name not in SMP:
        raise BuilderError(f"{spec.key}: smp has no {name}; there are {', '.join(SMP)}")
    if spec.task != "segment":
        raise BuilderError(f"{spec.key}: {spec.builder} does segment, not {spec.task}")
    try:
        import segmentation_models_pytorch as smp  # slow to import, and few need it
    except ImportError:
        raise BuilderError(f"{spec.key}: {spec.builder} needs `pip install tagmill[unet]`") from None

    more: dict[str, Any] = {"classes": _classes(spec), **spec.options.builder}
    encoder = spec.options.encoder or "resnet34"

    def make() -> nn.Module:
        made: nn.Module = getattr(smp, name)(encoder_name=encoder, encoder_weights=None, **more)
        return made

    try:
        if spec.options.builder:
            check_network(spec.key, make)
        model = make()
    except (KeyError, TypeError, ValueError, RuntimeError, AssertionError, AttributeError) as error:
        raise BuilderError(f"{spec.key}: smp's {name} refuses its options: {error}") from None
    return Draft(model, lambda: SegmenterNetwork(model, spec.options.class_ids))


def _classes(spec: ModelSpec) -> int:
    return spec.options.num_classes or max(1 + len(spec.labels), 1 + max(spec.options.class_ids or (0,)))
