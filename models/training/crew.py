"""The processes that train together, started by torchrun: one is the lead, which reads, judges and writes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

from models.errors import TrainingError

T = TypeVar("T")

PATIENCE = timedelta(hours=12)
"""The others wait so long for the lead, which exports, teaches and validates alone; torchrun notices one that dies."""


@dataclass(frozen=True, slots=True)
class Crew:
    """Number `part` of `parts` processes, on a device of its own."""

    device: torch.device
    part: int = 0
    parts: int = 1

    @property
    def leads(self) -> bool:
        return self.part == 0

    def together(self, module: nn.Module) -> nn.Module:
        """The module, its gradients averaged over all processes at each step."""
        if self.parts == 1:
            return module
        ids = [self.device.index] if self.device.type == "cuda" else None
        # Parts that are frozen, or that a photo without objects does not reach, have no gradient.
        return DistributedDataParallel(module, device_ids=ids, find_unused_parameters=True)

    def tell(self, value: T) -> T:
        """The lead's `value`, for all."""
        if self.parts == 1:
            return value
        shared: list[T | None] = [value]
        distributed.broadcast_object_list(shared, src=0)
        told = shared[0]
        assert told is not None
        return told


def on_gpu(device: str) -> bool:
    """Whether `device` (auto, cpu or cuda) means a GPU here. Raises TrainingError for `cuda` where there is none."""
    available = torch.cuda.is_available()
    if device == "cuda" and not available:
        raise TrainingError("--device cuda: torch sees no GPU here; choose cpu or auto")
    return available and device != "cpu"


@contextmanager
def crew(device: str = "auto") -> Iterator[Crew]:
    """This process' place among those that torchrun started, or alone. `device`: auto, cpu or cuda.

    Raises TrainingError where there is no such device.
    """
    cuda = on_gpu(device)
    local = int(os.environ.get("LOCAL_RANK", "0"))
    place = torch.device("cuda", local) if cuda else torch.device("cpu")
    if "WORLD_SIZE" not in os.environ:
        yield Crew(place)
        return
    if cuda:
        torch.cuda.set_device(place)
    distributed.init_process_group("nccl" if cuda else "gloo", timeout=PATIENCE)
    try:
        yield Crew(place, distributed.get_rank(), distributed.get_world_size())
    finally:
        distributed.destroy_process_group()
