"""Which layers of a network may compute in less precision: measured, one by one, where rounding all goes too far.

In some layers large numbers cancel, and what is left is their rounding error. One 1x1 convolution of MobileNetV2's
third block, rounded alone, turned an embedding by 22 degrees; all others but three by less than one.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from models.compile.graph import Graph

LAYERS = (nn.Conv2d, nn.Linear, nn.ConvTranspose2d)
FEW = 2  # batches that tell the order of layers
MOST_KEPT = 0.25  # with a larger share of layers in float32 there is nothing to gain


@dataclass(frozen=True, slots=True)
class Rounding:
    """What a layer's weights, and the numbers it is given and hands on, become.

    `tolerance` is the error of an output, as a share of its length, the mean of the photos, that rounding may make.
    """

    weight: Callable[[Tensor], Tensor]
    given: Callable[[Tensor], Tensor]
    found: Callable[[Tensor], Tensor]
    tolerance: float


def to_type(dtype: torch.dtype) -> Rounding:
    """Half precision."""

    def rounded(value: Tensor) -> Tensor:
        return value.to(dtype).to(value.dtype)

    return Rounding(rounded, rounded, rounded, tolerance=0.011)


def _by_channel(weight: Tensor) -> Tensor:
    scale = weight.flatten(1).abs().amax(1).clamp(min=1e-12) / 127
    scale = scale.view(-1, *[1] * (weight.dim() - 1))
    return (weight / scale).round() * scale


def _by_range(value: Tensor) -> Tensor:
    low, high = value.amin().clamp(max=0), value.amax().clamp(min=0)
    scale = ((high - low) / 255).clamp(min=1e-12)
    return ((value - low) / scale).round() * scale + low


INT8 = Rounding(_by_channel, _by_range, lambda value: value, tolerance=0.06)
"""As int8 is multiplied: weights with a scale a channel, what a layer is given with one scale and one offset."""


class Kept(nn.Module):
    """A layer that computes in float32 and hands on float32."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.layer(x.float())
        return found


class Halved(nn.Module):
    """A layer that computes in half precision, whatever it is given."""

    def __init__(self, layer: nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        self.layer = layer.to(dtype)
        self.dtype = dtype

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.layer(x.to(self.dtype))
        return found


def halve(network: nn.Module, dtype: torch.dtype, kept: Collection[str]) -> torch.dtype:
    """Change `network` to half precision, but for the layers named in `kept`; returns what it wants to be given."""
    exact = {name: copy.deepcopy(layer) for name, layer in _layers(network) if name in kept}
    network.to(dtype)
    for name, layer in _layers(network) if kept else ():
        parent, _, own = name.rpartition(".")
        network.get_submodule(parent)._modules[own] = (
            Kept(exact[name]) if name in kept else Halved(layer, dtype)
        )
    return torch.float32 if kept else dtype


def layers_to_keep(graph: Graph, rounding: Rounding, batches: Sequence[Tensor]) -> frozenset[str] | None:
    """Names of the layers that must not be rounded; None where they are too many.

    `graph` is the float32 form; `batches` are inputs of it, uint8. Rounding is imitated, so this needs no compiler.
    """
    layers = dict(_layers(graph.network))
    exact = _outputs(graph, batches)

    def error(rounded: Collection[str], some: int | None = None) -> float:
        with _rounded([layers[name] for name in rounded], rounding):
            found = _outputs(graph, batches[:some])
        return _distance([one[: len(other)] for one, other in zip(exact, found, strict=True)], found)

    if error(layers) <= rounding.tolerance:
        return frozenset()
    worst_first = sorted(layers, key=lambda name: -error([name], FEW))
    count = 1
    while count <= MOST_KEPT * len(layers):
        if error(worst_first[count:]) <= rounding.tolerance:
            return frozenset(worst_first[:count])
        count += 1 + count // 4
    return None


def _layers(network: nn.Module) -> list[tuple[str, nn.Module]]:
    return [(name, module) for name, module in network.named_modules() if isinstance(module, LAYERS)]


def _outputs(graph: Graph, batches: Sequence[Tensor]) -> list[Tensor]:
    """For each output the values of all photos: (photos, numbers)."""
    with torch.inference_mode():
        found = [graph(batch) for batch in batches]
    return [torch.cat([one[name] for one in found]).flatten(1) for name in found[0]]


def _distance(exact: Sequence[Tensor], other: Sequence[Tensor]) -> float:
    return max(
        float(((a - b).norm(dim=1) / a.norm(dim=1).clamp(min=1e-6)).mean())
        for a, b in zip(exact, other, strict=True)
    )


@contextmanager
def _rounded(layers: Sequence[nn.Module], to: Rounding) -> Iterator[None]:
    """In this block, what goes into these layers, comes out of them and is multiplied in them is rounded."""
    weights = [(layer, layer.weight.data) for layer in layers if isinstance(layer.weight, Tensor)]
    hooks = []
    for layer, weight in weights:
        layer.weight.data = to.weight(weight)
        hooks.append(layer.register_forward_pre_hook(lambda _, given: tuple(to.given(one) for one in given)))
        hooks.append(layer.register_forward_hook(lambda _, __, found: to.found(found)))
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
        for layer, weight in weights:
            layer.weight.data = weight
