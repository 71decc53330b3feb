"""One MobileNetV2 trunk, four light heads: classify, detect, segment and embed in a single pass.

The trunk keeps its ImageNet weights (arXiv 1801.04381), so that the embedding stays useful on any photo. Its maps
at strides 4, 8, 16 and 32 feed heads that are much cheaper than the trunk itself. The detector is anchor-free
(FCOS, arXiv 1904.01355) on one level of stride 8 that a top-down path (FPN, arXiv 1612.03144) has filled with context.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models import mobilenet_v2

from models.predictions import Task
from models.starter.boxes import DetectMaps, decode_detections

# The last trunk block that works at each stride; 18 is the final 1x1 convolution with 1280 channels.
TAPS = (3, 6, 13, 18)
TAP_CHANNELS = (24, 32, 96, 1280)
EMBEDDING_WIDTH = 1280
INPUT_SIZE = 256
WHOLE: tuple[Task, ...] = ("classify", "segment", "embed")  # tasks whose map is their raw result


def conv_block(inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    """Convolution, batch norm, ReLU, in a Sequential so that the batch norm can be folded away for inference."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class Features(NamedTuple):
    """Trunk maps of a batch: (N, 24, H/4, W/4), (N, 32, H/8, W/8), (N, 96, H/16, W/16), (N, 1280, H/32, W/32)."""

    stride4: Tensor
    stride8: Tensor
    stride16: Tensor
    stride32: Tensor


class Maps(NamedTuple):
    """What the convolutions say, before any decoding."""

    classify: Tensor  # (N, labels) logits
    detect: DetectMaps
    segment: Tensor  # (N, 2, H/4, W/4) logits: background, product
    embed: Tensor  # (N, 1280)


class Trunk(nn.Module):
    """MobileNetV2's convolutions with taps. Stays in eval mode: its batch-norm statistics never move."""

    def __init__(self) -> None:
        super().__init__()
        self.features = mobilenet_v2(weights=None).features
        self.train(False)

    def train(self, mode: bool = True) -> Trunk:  # noqa: ARG002
        # Whatever `mode` says.
        super().train(False)
        return self

    def forward(self, batch: Tensor) -> Features:
        taps: list[Tensor] = []
        for index, block in enumerate(self.features):
            batch = block(batch)
            if index in TAPS:
                taps.append(batch)
        return Features(*taps)


class ClassifyHead(nn.Module):
    """The product type from texture (stride 8) and shape (stride 16).

    Deeper maps are left out: they add little for these types, and training needs two thirds of the trunk only.
    """

    def __init__(self, labels: int, width: int = 112) -> None:
        super().__init__()
        self.fine = conv_block(TAP_CHANNELS[1], 64, stride=2)
        self.middle = conv_block(TAP_CHANNELS[2], 64, kernel=1)
        self.shape = nn.Sequential(conv_block(128, width, stride=2), conv_block(width, width))
        self.cells = nn.Sequential(conv_block(width, 128, stride=2), nn.AdaptiveAvgPool2d(4), nn.Flatten())
        self.out = nn.Sequential(
            nn.Dropout(0.2),
            nn.Linear(128 * 16, 128),
            nn.ReLU(inplace=True),
            nn.Dropout(0.3),
            nn.Linear(128, labels),
        )

    def forward(self, stride8: Tensor, stride16: Tensor) -> Tensor:
        joined = torch.cat((self.fine(stride8), self.middle(stride16)), dim=1)
        logits: Tensor = self.out(self.cells(self.shape(joined)))
        return logits


class Pyramid(nn.Module):
    """Top-down fusion of the four taps into one map of stride 8."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.from4 = conv_block(TAP_CHANNELS[0], width, stride=2)
        self.from8 = conv_block(TAP_CHANNELS[1], width, kernel=1)
        self.from16 = conv_block(TAP_CHANNELS[2], width, kernel=1)
        self.from32 = conv_block(TAP_CHANNELS[3], width, kernel=1)
        self.mix32 = conv_block(width, width)
        self.mix16 = conv_block(width, width)
        self.mix8 = conv_block(width, width)

    def forward(self, features: Features) -> Tensor:
        coarse = self.mix32(self.from32(features.stride32))
        middle = self.from16(features.stride16)
        middle = self.mix16(middle + F.interpolate(coarse, size=middle.shape[-2:], mode="nearest"))
        fine = self.from8(features.stride8) + self.from4(features.stride4)
        fused: Tensor = self.mix8(fine + F.interpolate(middle, size=fine.shape[-2:], mode="nearest"))
        return fused


class DetectHead(nn.Module):
    """Scores and box sides at each cell of the fused map."""

    def __init__(self, labels: int, width: int) -> None:
        super().__init__()
        self.tower = conv_block(width, width)
        self.scores = nn.Conv2d(width, labels, 1)
        self.sides = nn.Conv2d(width, 4, 1)

    def forward(self, fused: Tensor) -> DetectMaps:
        tower = self.tower(fused)
        return DetectMaps(self.scores(tower), self.sides(tower))


class SegmentHead(nn.Module):
    """Background or product at stride 4, in the spirit of LR-ASPP (arXiv 1905.02244)."""

    def __init__(self, width: int, inner: int = 24) -> None:
        super().__init__()
        self.context = conv_block(width, inner, kernel=1)
        self.edges = conv_block(TAP_CHANNELS[0], inner, kernel=1)
        self.mix = conv_block(inner, inner)
        self.out = nn.Conv2d(inner, 2, 1)

    def forward(self, fused: Tensor, stride4: Tensor) -> Tensor:
        context = F.interpolate(
            self.context(fused), size=stride4.shape[-2:], mode="bilinear", align_corners=False
        )
        logits: Tensor = self.out(self.mix(context + self.edges(stride4)))
        return logits


class StarterNetwork(nn.Module):
    """Classify, detect, segment and embed. Input: float32 (N, 3, H, W), normalised, H and W multiples of 32."""

    def __init__(self, labels: int, width: int = 64) -> None:
        super().__init__()
        self.trunk = Trunk()
        self.classify = ClassifyHead(labels)
        self.pyramid = Pyramid(width)
        self.detect = DetectHead(labels, width)
        self.segment = SegmentHead(width)

    def shelf_maps(self, features: Features) -> tuple[DetectMaps, Tensor]:
        """The two heads that look at places: detection maps and segmentation logits."""
        fused = self.pyramid(features)
        return self.detect(fused), self.segment(fused, features.stride4)

    def maps(self, batch: Tensor) -> Maps:
        """All convolutions and no decoding."""
        features = self.trunk(batch)
        pooled = features.stride32.mean(dim=(2, 3))
        detect, segment = self.shelf_maps(features)
        return Maps(self.classify(features.stride8, features.stride16), detect, segment, pooled)

    def tensors(self, batch: Tensor) -> dict[str, Tensor]:
        """The maps by name, as `models.compile` wants them."""
        maps = self.maps(batch)
        return {
            "classify": maps.classify,
            "detect.scores": maps.detect.scores,
            "detect.sides": maps.detect.sides,
            "segment": maps.segment,
            "embed": maps.embed,
        }

    def decode(self, tensors: Mapping[str, Tensor]) -> dict[Task, object]:
        """Raw results of the tasks that are there; detections as boxes in input pixels after suppression."""
        raw: dict[Task, object] = {task: tensors[task] for task in WHOLE if task in tensors}
        if "detect.scores" in tensors:
            raw["detect"] = decode_detections(DetectMaps(tensors["detect.scores"], tensors["detect.sides"]))
        return raw

    def forward(self, batch: Tensor) -> dict[Task, object]:
        return self.decode(self.tensors(batch))


def starter_network(labels: Sequence[str]) -> nn.Module:
    """The network without weights, for these product types."""
    return StarterNetwork(len(labels))
