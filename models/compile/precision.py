"""In which precision each layer of a network computes, and how that is chosen: by trying, without a compiler."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor

from models.compile.fidelity import LARGE, calibration_photos
from models.compile.graph import Graph
from models.compile.rounding import INT8, layers_to_keep, to_type
from models.compile.verdict import Form
from models.geometry import place
from models.predictor import Predictor
from models.preprocess import make_batch

TRIED, TRIED_LARGE = 32, 8  # photos that tell which layers may be rounded
CALIBRATED = 64  # photos that tell the ranges of int8


@dataclass(frozen=True, slots=True)
class Precision:
    """Layers compute in `form`, but for those named in `exact`, in float32, and of int8 those in `half`, in bf16."""

    form: Form
    exact: frozenset[str] = frozenset()
    half: frozenset[str] = frozenset()


def has_bf16() -> bool:
    """Whether the CPU multiplies bf16; where it only imitates it, float32 is faster."""
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


TYPES: dict[Form, torch.dtype] = {
    "int8": torch.bfloat16 if has_bf16() else torch.float32,  # of what is between layers
    "bf16": torch.bfloat16,
    "fp16": torch.float16,
    "fp32": torch.float32,
}


def precision(plain: Predictor, form: Form) -> Precision | None:
    """The precision in which answers stay alike; None where too many layers would have to be spared."""
    if form == "fp32":
        return Precision(form)
    few = TRIED if plain.how.size <= LARGE else TRIED_LARGE
    batches = photo_batches(plain, few // 4, few)
    graph = graph_of(plain)
    exact = layers_to_keep(graph, to_type(TYPES[form]), batches)
    if exact is None or form != "int8":
        return None if exact is None else Precision(form, exact)
    half = layers_to_keep(graph, INT8, batches)
    return None if half is None else Precision(form, exact, half - exact)


def graph_of(plain: Predictor) -> Graph:
    """The network's graph in float32, a copy."""
    network = copy.deepcopy(plain.engine.network)
    return Graph(network, plain.how, [spec.task for spec in plain.specs])


def photo_batches(plain: Predictor, size: int, count: int) -> list[Tensor]:
    """Inputs of `size` photos each, of `count` that the gate does not look at: uint8, channels last."""
    photos = calibration_photos(plain.how.size)
    chosen = photos[:: max(1, len(photos) // count)][:count]
    parts = [chosen[k : k + size] for k in range(0, len(chosen) - size + 1, size)]
    made = [
        make_batch(part, [place(one.width, one.height, plain.how) for one in part], plain.how)
        for part in parts
    ]
    return [batch.contiguous(memory_format=torch.channels_last).to(plain.engine.device) for batch in made]
