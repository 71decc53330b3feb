"""A few inputs with the answers that the trained network gave: whoever loads it can see that it is the same one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from models.errors import WeightsError
from models.predictor import Predictor

TOLERANCE = 1e-3
"""Largest difference allowed, as a share of the largest value: other processors add up in another order."""

INPUT = "input"


def ask(predictor: Predictor, pixels: Tensor) -> dict[str, Tensor]:
    """The input uint8 (N, 3, H, W) with all raw answers to it, by name. Boxes of each photo have names of their own."""
    with torch.random.fork_rng(devices=[]):
        raw = predictor.engine.run(pixels)
    return {INPUT: pixels, **dict(_flat("", raw))}


def check(predictor: Predictor, probe: Path) -> None:
    """Raises WeightsError where the predictor answers otherwise than the network that was trained."""
    try:
        wanted = load_file(probe)
    except Exception as error:  # noqa: BLE001 - safetensors has errors of its own
        raise WeightsError(f"{probe} cannot be read ({error}); train again, or go on with --resume") from None
    if INPUT not in wanted or len(wanted) == 1:
        raise WeightsError(f"{probe} holds no answers; train again, or go on with --resume")
    found = ask(predictor, wanted[INPUT])
    wrong = [name for name in wanted if name not in found or not _alike(found[name], wanted[name])]
    if wrong:
        raise WeightsError(
            f"{predictor.specs[0].key} answers otherwise than when it was trained ({wrong[0]} differs): "
            "its weights, spec or probe are not of one run; train again"
        )


def _flat(name: str, raw: Any) -> list[tuple[str, Tensor]]:
    if isinstance(raw, Tensor):
        return [(name, raw.contiguous())]
    items = raw.items() if isinstance(raw, Mapping) else enumerate(raw)
    return [pair for key, value in items for pair in _flat(f"{name}.{key}".lstrip("."), value)]


def _alike(found: Tensor, wanted: Tensor) -> bool:
    if found.shape != wanted.shape:
        return False
    if not found.numel():
        return True
    scale = float(wanted.abs().max().clamp(min=1))
    return float((found.double() - wanted.double()).abs().max()) <= TOLERANCE * scale
