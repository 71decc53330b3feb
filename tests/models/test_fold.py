"""Folding batch norms changes the speed and nothing else."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torchvision.models import mobilenet_v3_small, resnet18
from torchvision.ops import FrozenBatchNorm2d

from models.fold import NORMS, fold_batchnorm


def lively(network: nn.Module) -> nn.Module:
    for module in network.modules():
        if isinstance(module, NORMS):
            nn.init.uniform_(module.running_mean, -0.5, 0.5)
            nn.init.uniform_(module.running_var, 0.5, 2.0)
            nn.init.uniform_(module.weight, 0.5, 2.0)
    return network.eval()


def norms_left(network: nn.Module) -> int:
    return sum(isinstance(module, NORMS) for module in network.modules())


class Shared(nn.Module):
    """One convolution, two batch norms: which one to fold into it?"""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 1)
        self.one = nn.BatchNorm2d(3)
        self.two = nn.BatchNorm2d(3)

    def forward(self, batch: Tensor) -> Tensor:
        first: Tensor = self.two(self.conv(self.one(self.conv(batch))))
        return first


class Between(nn.Module):
    """Registered side by side, but something stands between them when it runs."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 1)
        self.norm = nn.BatchNorm2d(3)

    def forward(self, batch: Tensor) -> Tensor:
        result: Tensor = self.norm(self.conv(batch).relu())
        return result


class BetweenInPlace(Between):
    def forward(self, batch: Tensor) -> Tensor:
        result: Tensor = self.norm(self.conv(batch).relu_())
        return result


class Skipped(Between):
    """The convolution's own output is used as well, so the folded network would differ."""

    def forward(self, batch: Tensor) -> Tensor:
        raw = self.conv(batch)
        result: Tensor = self.norm(raw) + raw
        return result


class Backwards(nn.Module):
    """Registered in the other order than it runs."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(4)
        self.conv = nn.Conv2d(3, 4, 3, stride=2, padding=1, groups=1, padding_mode="reflect")

    def forward(self, batch: Tensor) -> Tensor:
        result: Tensor = self.norm(self.conv(batch))
        return result


class Frozen(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 6, 3, groups=3, dilation=2, bias=False), FrozenBatchNorm2d(6))

    def forward(self, batch: Tensor) -> dict[str, Tensor]:
        return {"out": self.body(batch)}


@pytest.mark.parametrize(
    ("make", "left"),
    [
        (resnet18, 0),
        (mobilenet_v3_small, 0),
        (Backwards, 0),
        (Frozen, 0),
        (Shared, 2),
        (Between, 1),
        (BetweenInPlace, 1),
        (Skipped, 1),
    ],
)
def test_same_output(make: Callable[[], nn.Module], left: int) -> None:
    network = lively(make())
    batch, other = torch.randn(2, 3, 64, 64), torch.randn(3, 3, 64, 96)
    with torch.no_grad():
        before = network(other)
        folded = fold_batchnorm(network, batch)
        after = folded(other)
    if isinstance(before, dict):
        before, after = before["out"], after["out"]
    scale = before.abs().max()
    assert (before - after).abs().max() <= 2e-3 * scale
    assert norms_left(folded) == left


def test_no_hook_stays_behind() -> None:
    folded = fold_batchnorm(lively(resnet18()), torch.randn(1, 3, 64, 64))
    assert not any(module._forward_hooks for module in folded.modules())


def test_a_network_without_norms_is_left_alone() -> None:
    network = nn.Conv2d(3, 3, 1)
    assert fold_batchnorm(network, torch.randn(1, 3, 8, 8)) is network
