"""The part of a network that can be compiled: from bytes to numbers, all arithmetic, shapes known beforehand."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Protocol, cast, runtime_checkable

import torch
from torch import Tensor, nn

from models.predictions import Task
from models.preprocess import normalise
from models.spec import Preprocessing

Tensors = dict[str, Tensor]


@runtime_checkable
class Split(Protocol):
    """A network whose answers need more than arithmetic: `decode` of `tensors` is what `forward` gives.

    Names of tensors begin with their task: "detect.scores" belongs to "detect".
    """

    def tensors(self, batch: Tensor) -> Tensors: ...

    def decode(self, tensors: Mapping[str, Tensor]) -> dict[Task, Any]: ...


class Graph(nn.Module):
    """uint8 (N, 3, H, W) to float32 tensors by name, normalised inside; only what `tasks` need is computed."""

    def __init__(
        self,
        network: nn.Module,
        how: Preprocessing,
        tasks: Collection[Task],
        dtype: torch.dtype = torch.float32,
    ) -> None:
        """`dtype` is what the network wants to be given."""
        super().__init__()
        self.network = network.to(memory_format=torch.channels_last)
        self.how = how
        self.tasks = frozenset(tasks)
        self.dtype = dtype

    def forward(self, batch: Tensor) -> Tensors:
        values = normalise(batch, self.how).to(self.dtype)
        found = self.network.tensors(values) if isinstance(self.network, Split) else self.network(values)
        return {name: value.float() for name, value in found.items() if name.split(".")[0] in self.tasks}


def decode(network: nn.Module, tensors: Tensors) -> dict[Task, Any]:
    """The raw answers by task, from what the network's graph gave."""
    return network.decode(tensors) if isinstance(network, Split) else cast(dict[Task, Any], tensors)


def why_not(network: nn.Module, how: Preprocessing, tasks: Collection[Task]) -> str | None:
    """Why a network has no graph, or None where it has one."""
    if "describe" in tasks:
        return "it is a table and arithmetic, and no network"
    if how.fit == "native":
        return "its input has the size of each photo"
    if "detect" in tasks and not isinstance(network, Split):
        return "its boxes are chosen inside the network"
    return None
