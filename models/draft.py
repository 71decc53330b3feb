"""A network on its way: first the plain module that a weights file knows, then the network that answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn


@dataclass(frozen=True)
class Draft:
    """`core` has the tensor names of the weights file; `finish` turns it, once filled, into the network.

    Tensors whose names start with one of `spare` may be missing or too many in the file: inference has no
    use for them. `filled` says that torchvision has already loaded the weights.
    """

    core: nn.Module
    finish: Callable[[], nn.Module]
    spare: tuple[str, ...] = ()
    filled: bool = False


def whole(network: nn.Module) -> Draft:
    """A draft of a network that answers in the common form by itself."""
    return Draft(network, lambda: network)
