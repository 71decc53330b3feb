"""Fold batch norms into the convolutions before them: the same function with a third of the memory traffic.

A pair is folded only after its folded form has been seen to give the same result on real activations.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights
from torchvision.ops import FrozenBatchNorm2d

NORMS = (nn.BatchNorm2d, FrozenBatchNorm2d)
TOLERANCE = 1e-3
"""Largest difference allowed, as a share of the largest value."""


def fold_batchnorm(network: nn.Module, example: Tensor) -> nn.Module:
    """`network` in eval mode with its batch norms folded, or as it is where that would change its output.

    `example` is a normalised batch (N, 3, H, W) that the network accepts. The network itself is changed.
    """
    network.eval()
    with torch.no_grad():
        watch = _Watch(network)
        before = [one.clone() for one in _tensors(watch.run(example))]
        pairs = watch.pairs()
        if not pairs:
            return network
        folded = deepcopy(network)
        swap = {id(module): name for name, module in network.named_modules()}
        for conv, norm, fused in pairs:
            _replace(folded, swap[id(conv)], fused)
            _replace(folded, swap[id(norm)], nn.Identity())
        after = list(_tensors(folded(example)))
    return folded if _all_close(before, after) else network


class _Watch:
    """Runs a network once and notes which batch norm read which convolution's output, right after it."""

    def __init__(self, network: nn.Module) -> None:
        self.network = network
        self.fused: dict[tuple[nn.Module, nn.Module], nn.Conv2d] = {}
        self.bad: set[nn.Module] = set()
        self.last: tuple[nn.Conv2d, Tensor, Tensor] | None = None

    def run(self, example: Tensor) -> Any:
        modules = [m for m in self.network.modules() if type(m) is nn.Conv2d or isinstance(m, NORMS)]
        hooks = [m.register_forward_hook(self._after) for m in modules]
        try:
            return self.network(example)
        finally:
            for hook in hooks:
                hook.remove()
            self._drop_last()

    def pairs(self) -> list[tuple[nn.Module, nn.Module, nn.Conv2d]]:
        """Pairs that always stood together: a module that also worked elsewhere is left alone."""
        convs = [conv for conv, _ in self.fused]
        norms = [norm for _, norm in self.fused]
        return [
            (conv, norm, fused)
            for (conv, norm), fused in self.fused.items()
            if conv not in self.bad and norm not in self.bad and convs.count(conv) == norms.count(norm) == 1
        ]

    def _after(self, module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        if isinstance(module, nn.Conv2d):
            self._drop_last()
            self.last = (module, inputs[0], output)
            return
        last, self.last = self.last, None
        if last is None or last[2] is not inputs[0]:
            self.bad.add(module)
            if last is not None:
                self.bad.add(last[0])
            return
        conv, entered, _ = last
        fused = self.fused.get((conv, module)) or _fuse(conv, module)
        if _all_close([output], [fused(entered)]):
            self.fused[conv, module] = fused
        else:
            self.bad.add(module)

    def _drop_last(self) -> None:
        if self.last is not None:
            self.bad.add(self.last[0])
            self.last = None


def _fuse(conv: nn.Conv2d, norm: Any) -> nn.Conv2d:
    # Built anew: a copy would carry the hook, and with it the whole network.
    fused = nn.Conv2d(
        conv.in_channels,
        conv.out_channels,
        (conv.kernel_size[0], conv.kernel_size[1]),
        stride=conv.stride,  # type: ignore[arg-type]
        padding=conv.padding,  # type: ignore[arg-type]
        dilation=conv.dilation,  # type: ignore[arg-type]
        groups=conv.groups,
        padding_mode=conv.padding_mode,
        device="meta",
    )
    fused.weight, fused.bias = fuse_conv_bn_weights(
        conv.weight, conv.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
    )
    return fused.requires_grad_(False)


def _replace(network: nn.Module, name: str, new: nn.Module) -> None:
    """Put `new` at every place of the module `name`; one module may have several parents."""
    old = network.get_submodule(name)
    for parent in network.modules():
        for key, child in list(parent._modules.items()):
            if child is old:
                setattr(parent, key, new)


def _tensors(raw: Any) -> Iterator[Tensor]:
    """Tensors of fixed shape in an output. Lists of boxes are left out: their length may vary."""
    if isinstance(raw, Tensor):
        yield raw
    elif isinstance(raw, Mapping):
        for value in raw.values():
            yield from _tensors(value)
    elif isinstance(raw, tuple):
        for value in raw:
            yield from _tensors(value)


def _all_close(before: Sequence[Tensor], after: Sequence[Tensor]) -> bool:
    return len(before) == len(after) and all(_close(a, b) for a, b in zip(before, after, strict=True))


def _close(a: Tensor, b: Tensor) -> bool:
    scale = float(a.abs().max().clamp(min=1e-6))
    return a.shape == b.shape and float((a - b).abs().max()) <= TOLERANCE * scale
