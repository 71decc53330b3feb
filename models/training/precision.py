"""In how many bits a step computes: half where the device gains by it, and loss scaling where half needs that."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Literal

import torch

from models.engine import half_type
from models.errors import RecipeError

Wanted = Literal["auto", "fp32", "bf16", "fp16"]


@dataclass(frozen=True, slots=True)
class Precision:
    """`dtype` None is plain float32."""

    device: torch.device
    dtype: torch.dtype | None

    def context(self) -> AbstractContextManager[object]:
        """Around a forward pass."""
        if self.dtype is None:
            return nullcontext()
        return torch.autocast(self.device.type, dtype=self.dtype)

    def scaler(self) -> torch.amp.GradScaler:
        """Does nothing but for float16, whose small gradients would vanish."""
        return torch.amp.GradScaler(self.device.type, enabled=self.dtype is torch.float16)


def precision(wanted: Wanted, device: torch.device) -> Precision:
    """Raises RecipeError where the device cannot."""
    if wanted == "fp16" and device.type != "cuda":
        raise RecipeError("precision fp16 needs a GPU; choose fp32 or bf16")
    if wanted == "auto":
        return Precision(device, _best(device))
    types: dict[Wanted, torch.dtype | None] = {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}
    return Precision(device, types[wanted])


def _best(device: torch.device) -> torch.dtype | None:
    return half_type(device) if device.type == "cuda" else None
