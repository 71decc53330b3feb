"""What is wrong with a batch, as one module a task: pixels and truth in, named losses out; their sum is minimised.

`forward` is the whole step's computation, so that DistributedDataParallel can wrap it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.preprocess import normalise
from models.spec import Preprocessing
from models.training.recipe import Loss
from models.training.samples import IGNORED

Losses = dict[str, Tensor]


class ClassifyLoss(nn.Module):
    """Cross-entropy of uint8 photos (N, 3, H, W) and labels: int64 (N,), or shares float (N, labels) after MixUp."""

    def __init__(self, core: nn.Module, how: Preprocessing, loss: Loss, weights: Tensor | None) -> None:
        super().__init__()
        self.core, self.how, self.smoothing = core, how, loss.smoothing
        self.register_buffer("weights", weights, persistent=False)

    def forward(self, pixels: Tensor, truth: Tensor) -> Losses:
        logits = self.core(_laid(normalise(pixels, self.how)))
        weights = self.weights if isinstance(self.weights, Tensor) else None
        return {"loss": F.cross_entropy(logits.float(), truth, weights, label_smoothing=self.smoothing)}


class DetectLoss(nn.Module):
    """The builder's own losses of a list of uint8 photos (3, h, w) and, for each, boxes, labels and maybe masks."""

    def __init__(self, core: Any, how: Preprocessing) -> None:
        super().__init__()
        self.core, self.how = core, how
        core.transform.image_mean, core.transform.image_std = [0.0] * 3, [1.0] * 3  # `normalise` does that

    def forward(self, pixels: Sequence[Tensor], truth: Sequence[Mapping[str, Tensor]]) -> Losses:
        photos = [normalise(one[None], self.how)[0] for one in pixels]
        losses: Losses = self.core(photos, [dict(one) for one in truth])
        return losses


class SegmentLoss(nn.Module):
    """Cross-entropy, and Dice if asked for, of uint8 photos (N, 3, H, W) and int64 masks (N, H, W)."""

    def __init__(self, core: nn.Module, how: Preprocessing, loss: Loss, weights: Tensor | None) -> None:
        super().__init__()
        self.core, self.how, self.loss = core, how, loss
        self.register_buffer("weights", weights, persistent=False)

    def forward(self, pixels: Tensor, truth: Tensor) -> Losses:
        raw = self.core(_laid(normalise(pixels, self.how)))
        main, second = (raw["out"], raw.get("aux")) if isinstance(raw, Mapping) else (raw, None)
        losses = {"loss": self._entropy(main, truth)}
        if self.loss.dice:
            losses["dice"] = self.loss.dice * dice_loss(_enlarged(main, truth), truth)
        if second is not None:
            losses["auxiliary"] = self.loss.auxiliary * self._entropy(second, truth)
        return losses

    def _entropy(self, logits: Tensor, truth: Tensor) -> Tensor:
        weights = self.weights if isinstance(self.weights, Tensor) else None
        return F.cross_entropy(_enlarged(logits, truth), truth, weights, ignore_index=IGNORED)


def dice_loss(logits: Tensor, truth: Tensor) -> Tensor:
    """1 - the mean Dice of logits (N, C, H, W) and masks (N, H, W) over all classes (arXiv 1606.04797, soft form)."""
    judged = (truth != IGNORED)[:, None]
    wanted = F.one_hot(truth.masked_fill(truth == IGNORED, 0), logits.shape[1]).movedim(-1, 1) * judged
    found = logits.softmax(dim=1) * judged
    both = (found * wanted).sum(dim=(0, 2, 3))
    total = (found + wanted).sum(dim=(0, 2, 3))
    return 1 - ((2 * both + 1) / (total + 1)).mean()


def label_weights(counts: Sequence[int], balance: float) -> Tensor | None:
    """float32 (labels,), with mean 1 over the photos: count^-balance. Labels that are not there weigh nothing."""
    if not balance:
        return None
    found = torch.tensor(counts, dtype=torch.float64)
    weights = torch.where(found > 0, found.clamp(min=1) ** -balance, 0.0)
    return (weights * found.sum() / (weights * found).sum()).float()


def _enlarged(logits: Tensor, truth: Tensor) -> Tensor:
    size = truth.shape[-2:]
    logits = logits.float()
    same = logits.shape[-2:] == size
    return logits if same else F.interpolate(logits, size=size, mode="bilinear", align_corners=False)


def _laid(batch: Tensor) -> Tensor:
    return batch.contiguous(memory_format=torch.channels_last)
