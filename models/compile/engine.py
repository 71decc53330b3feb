"""Run a compiled network: static shapes, so the last batch is padded."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor, nn

from models.compile.graph import Tensors, decode
from models.engine import sticky_errors
from models.predictions import Task

PACKAGE = "network.pt2"

Run = Callable[[Tensor], Tensors]


class CompiledEngine:
    """As `models.engine.Engine`, for batches of any size; each call of the package takes `batch_size` photos."""

    def __init__(self, run: Run, network: nn.Module, batch_size: int, device: torch.device) -> None:
        """`run` takes uint8 (batch_size, 3, H, W), channels last, on `device`; `network` decodes its answers."""
        self.device = device
        self.network = network
        self.batch_size = batch_size
        self._run = run

    def run(self, batch: Tensor) -> dict[Task, Any]:
        """Raw results, on the CPU, of a uint8 batch (N, 3, H, W). Errors as `Engine.run`."""
        with sticky_errors(), torch.inference_mode():
            found = [self._call(some) for some in torch.split(batch, self.batch_size)]
            joined = {name: torch.cat([one[name] for one in found]) for name in found[0]}
            return decode(self.network, found[0] if len(found) == 1 else joined)

    def _call(self, batch: Tensor) -> Tensors:
        count = len(batch)
        if count < self.batch_size:
            batch = torch.cat((batch, batch[-1:].expand(self.batch_size - count, -1, -1, -1)))
        batch = batch.contiguous(memory_format=torch.channels_last)
        if self.device.type == "cuda":  # bytes travel; from pinned memory the copy overlaps with computing
            batch = batch.pin_memory().to(self.device, non_blocking=True)
        return {name: value[:count].cpu() for name, value in self._run(batch).items()}


def load(
    folder: Path, network: nn.Module, batch_size: int, device: torch.device, file: str = PACKAGE
) -> CompiledEngine:
    """The engine of a package in `folder`. Raises RuntimeError where the file is damaged, OSError where `folder`
    has no room to unpack it."""
    index = device.index or 0 if device.type == "cuda" else -1
    # A CUDA graph cannot be captured while a package hands out its runners from a pool.
    with nullcontext() if device.type == "cuda" else _unpacked_below(folder):
        package = torch._inductor.aoti_load_package(str(folder / file), device.type == "cuda", index)
    return CompiledEngine(
        captured(package, device) if device.type == "cuda" else package, network, batch_size, device
    )


@contextmanager
def _unpacked_below(folder: Path) -> Iterator[None]:
    """Torch unpacks a package where TMPDIR says, and clears that up when it ends in good order, which workers often do
    not. A library that is loaded needs its file no more, so on a CPU it goes at once."""
    before = os.environ.get("TMPDIR")
    with TemporaryDirectory(dir=folder, prefix=".loading-", ignore_cleanup_errors=True) as scratch:
        os.environ["TMPDIR"] = scratch
        try:
            yield
        finally:
            if before is None:
                del os.environ["TMPDIR"]
            else:
                os.environ["TMPDIR"] = before


def captured(package: Run, device: torch.device) -> Run:
    """The package as one CUDA graph, captured at its first call: a launch in place of hundreds."""
    graph: torch.cuda.CUDAGraph | None = None
    given: Tensor
    answers: Tensors

    def run(batch: Tensor) -> Tensors:
        with torch.cuda.device(device):  # streams and graphs are made on the current one
            return replayed(batch)

    def replayed(batch: Tensor) -> Tensors:
        nonlocal graph, given, answers
        if graph is None:
            given = batch.clone(memory_format=torch.channels_last)
            side = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
            side.wait_stream(torch.cuda.current_stream(device))
            with torch.cuda.stream(side):  # what is allocated at the first call must not be captured
                for _ in range(3):
                    package(given)
            torch.cuda.current_stream(device).wait_stream(side)
            fresh = torch.cuda.CUDAGraph()
            with torch.cuda.graph(fresh, stream=side):
                answers = package(given)
            graph = fresh
        given.copy_(batch)
        graph.replay()
        return answers

    return run
