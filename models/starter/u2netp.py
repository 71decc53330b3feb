"""U²-Net-p: the small U²-Net for salient objects, written from the paper (Qin et al., arXiv 2005.09007).

A U-Net whose every block is itself a small U-Net, a "residual U-block" (RSU). The published small version has 64
channels between blocks and 16 inside. Batch norm is already folded into the convolutions of the weights we carry,
so the convolutions here have a bias and no norm.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.predictions import Task

INPUT_SIZE = 320
OUTER = 64
INNER = 16


class ConvRelu(nn.Module):
    """A biased 3x3 convolution and a ReLU; the padding keeps the size."""

    def __init__(self, inputs: int, outputs: int, dilation: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, padding=dilation, dilation=dilation)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.conv(x), inplace=True)


def resize_like(x: Tensor, reference: Tensor) -> Tensor:
    return F.interpolate(x, size=reference.shape[-2:], mode="bilinear", align_corners=False)


def halve(x: Tensor) -> Tensor:
    return F.max_pool2d(x, 2, stride=2, ceil_mode=True)


class ResidualUBlock(nn.Module):
    """RSU-L of the paper: an encoder of `depth` steps that halve the size, a dilated bottom, a decoder, a residual."""

    def __init__(self, depth: int, inputs: int) -> None:
        super().__init__()
        self.enter = ConvRelu(inputs, OUTER)
        down = [ConvRelu(OUTER, INNER)] + [ConvRelu(INNER, INNER) for _ in range(depth - 2)]
        self.down = nn.ModuleList(down)
        self.bottom = ConvRelu(INNER, INNER, dilation=2)
        up = [ConvRelu(2 * INNER, INNER) for _ in range(depth - 2)] + [ConvRelu(2 * INNER, OUTER)]
        self.up = nn.ModuleList(up)

    def forward(self, x: Tensor) -> Tensor:
        entered = self.enter(x)
        skips: list[Tensor] = []
        x = entered
        for index, step in enumerate(self.down):
            x = step(x if index == 0 else halve(x))
            skips.append(x)
        x = self.bottom(x)
        for step, skip in zip(self.up, reversed(skips), strict=True):
            x = step(torch.cat((resize_like(x, skip), skip), dim=1))
        result: Tensor = x + entered
        return result


class DilatedUBlock(nn.Module):
    """RSU-4F of the paper: wider dilation in place of halving, for maps that are already small."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.enter = ConvRelu(inputs, OUTER)
        self.down = nn.ModuleList(
            (ConvRelu(OUTER, INNER), ConvRelu(INNER, INNER, 2), ConvRelu(INNER, INNER, 4))
        )
        self.bottom = ConvRelu(INNER, INNER, 8)
        wide, wider = ConvRelu(2 * INNER, INNER, 4), ConvRelu(2 * INNER, INNER, 2)
        self.up = nn.ModuleList((wide, wider, ConvRelu(2 * INNER, OUTER)))

    def forward(self, x: Tensor) -> Tensor:
        entered = self.enter(x)
        skips: list[Tensor] = []
        x = entered
        for step in self.down:
            x = step(x)
            skips.append(x)
        x = self.bottom(x)
        for step, skip in zip(self.up, reversed(skips), strict=True):
            x = step(torch.cat((x, skip), dim=1))
        result: Tensor = x + entered
        return result


class U2NetP(nn.Module):
    """Salient-object mask. Input float32 (N, 3, H, W), ImageNet-normalised, 320 x 320 as trained.

    Returns {"segment": logits (N, 2, H, W)}: background is fixed at zero, so that the softmax of the pair equals the
    sigmoid of the network's fused output.
    """

    def __init__(self) -> None:
        super().__init__()
        outer, joined = OUTER, 2 * OUTER
        blocks = [ResidualUBlock(7, 3)] + [ResidualUBlock(depth, outer) for depth in (6, 5, 4)]
        self.encoder = nn.ModuleList([*blocks, DilatedUBlock(outer), DilatedUBlock(outer)])
        self.decoder = nn.ModuleList(
            [DilatedUBlock(joined), *(ResidualUBlock(d, joined) for d in (4, 5, 6, 7))]
        )
        self.sides = nn.ModuleList(nn.Conv2d(outer, 1, 3, padding=1) for _ in range(6))
        self.fuse = nn.Conv2d(6, 1, 1)

    def forward(self, batch: Tensor) -> dict[Task, Tensor]:
        skips: list[Tensor] = []
        x = batch
        for index, block in enumerate(self.encoder):
            x = block(x if index == 0 else halve(x))
            skips.append(x)
        levels = [skips.pop()]
        for block, skip in zip(self.decoder, reversed(skips), strict=True):
            levels.append(block(torch.cat((resize_like(levels[-1], skip), skip), dim=1)))
        levels.reverse()  # finest first, as the side outputs are numbered
        sides = [side(level) for side, level in zip(self.sides, levels, strict=True)]
        fused = self.fuse(torch.cat([sides[0], *(resize_like(side, sides[0]) for side in sides[1:])], dim=1))
        return {"segment": torch.cat((torch.zeros_like(fused), fused), dim=1)}


def u2netp_network(labels: Sequence[str]) -> nn.Module:
    """The network without weights. It knows one label: whatever stands out.

    Raises:
        ValueError: `labels` has more or fewer than one name.
    """
    if len(labels) != 1:
        raise ValueError(f"U2-Net-p finds one kind of thing, so it takes one label, not {len(labels)}")
    return U2NetP()
