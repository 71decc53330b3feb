"""Run a network on a device: memory layout, precision and copies, and nothing about photos.

The number of threads of torch is the caller's business.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from models.errors import DeviceFailed
from models.fold import NORMS, fold_batchnorm
from models.predictions import Task
from models.preprocess import normalise
from models.spec import STRIDE, Preprocessing

CPU_BATCH, CPU_SIDE = 4, 256
CUDA_BATCH, CUDA_SIDE = 64, 320


def best_batch(device: torch.device, side: int) -> int:
    """Photos a micro-batch for an input of `side` pixels.

    A CPU wants few: more than 4 of 256 px fall out of its cache. MobileNetV2 took 25 ms a photo by fours, 29 by
    eights; U²-Net-p at 320 px took 0.70 s alone and 0.91 by twos, with 250 MB more.
    """
    if device.type == "cuda":
        return max(1, min(CUDA_BATCH, CUDA_BATCH * CUDA_SIDE**2 // side**2))
    return 1 if side > CPU_SIDE else min(CUDA_BATCH, CPU_BATCH * CPU_SIDE**2 // side**2)


class Engine:
    """A network ready to infer: eval mode, batch norms folded, channels last; on CUDA in half precision."""

    def __init__(
        self, network: nn.Module, how: Preprocessing, device: str | torch.device = "cpu", *, fold: bool = True
    ):
        self.how = how
        self.device = torch.device(device)
        network = network.eval().requires_grad_(False)
        if fold and any(isinstance(module, NORMS) for module in network.modules()):
            network = fold_batchnorm(network, _example(how))
        with sticky_errors():
            self.network = network.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.half = half_type(self.device)

    @property
    def batch_size(self) -> int:
        return best_batch(self.device, self.how.size)

    def run(self, batch: Tensor) -> dict[Task, Any]:
        """Raw results, on the CPU, of a uint8 batch (N, 3, H, W).

        Raises:
            torch.OutOfMemoryError: try again with fewer photos.
            DeviceFailed: end the process; after such an error each further call fails alike.
        """
        with sticky_errors():
            return self._forward(batch)

    def _forward(self, batch: Tensor) -> dict[Task, Any]:
        with torch.inference_mode():
            if self.device.type != "cuda":
                raw: dict[Task, Any] = self.network(normalise(batch, self.how))
                return raw
            # Bytes travel, floats are made on the GPU; from pinned memory the copy overlaps with computing.
            moved = batch.pin_memory().to(self.device, non_blocking=True)
            with torch.autocast("cuda", dtype=self.half):
                raw = self.network(normalise(moved, self.how))
            return {task: _to_cpu(value) for task, value in raw.items()}


@contextmanager
def sticky_errors() -> Iterator[None]:
    """Turns an error after which the device answers no more into DeviceFailed."""
    try:
        yield
    except RuntimeError as error:
        if is_sticky(error):
            raise DeviceFailed(str(error)) from error
        raise


def is_sticky(error: RuntimeError) -> bool:
    """Whether the device is unusable for this process from now on: any error of it but a lack of memory."""
    if isinstance(error, torch.OutOfMemoryError):
        return False
    return isinstance(error, torch.AcceleratorError) or "CUDA error" in str(error)


def _example(how: Preprocessing) -> Tensor:
    """Noise to try the folded network on, from a generator of its own: no global seed is touched."""
    side = min(how.size, 8 * STRIDE) // STRIDE * STRIDE or STRIDE if how.fit == "native" else how.size
    noise = torch.randint(
        0, 256, (2, 3, side, side), generator=torch.Generator().manual_seed(0), dtype=torch.uint8
    )
    return normalise(noise.contiguous(memory_format=torch.channels_last), how)


def half_type(device: torch.device) -> torch.dtype:
    """What a GPU multiplies fastest: bf16, or fp16 where it would only imitate bf16."""
    cuda = device.type == "cuda"
    return (
        torch.bfloat16 if cuda and torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    )


def _to_cpu(value: Any) -> Any:
    if isinstance(value, Tensor):
        value = value.float() if value.is_floating_point() else value
        return value.cpu()
    if isinstance(value, Mapping):
        return {key: _to_cpu(item) for key, item in value.items()}
    return [_to_cpu(item) for item in value]
