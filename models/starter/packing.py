"""The starter pack's files: weights as float16 safetensors, and the table of their hashes and figures."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn

FOLDER = Path(__file__).resolve().parent / "weights"
STARTER = "starter.safetensors"
CUTOUT = "u2netp.safetensors"
HASHES = "hashes.json"
METRICS = "metrics.json"


def write_weights(tensors: Mapping[str, Tensor], path: Path, *, half: bool = True) -> None:
    """Tensors as float16, or float32 without `half`. Batch counters are left out: inference does not read them."""
    dtype = torch.float16 if half else torch.float32
    kept = {
        name: tensor.to(dtype).contiguous()
        for name, tensor in tensors.items()
        if not name.endswith("num_batches_tracked")
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(save(kept))


def read_weights(network: nn.Module, path: Path) -> nn.Module:
    """Fill `network` from such a file, as float32, and put it in eval mode. RuntimeError if names or shapes differ."""
    tensors = {name: tensor.float() for name, tensor in load_file(path).items()}
    counters = {
        name: value for name, value in network.state_dict().items() if name.endswith("num_batches_tracked")
    }
    network.load_state_dict({**counters, **tensors})
    return network.eval()


def write_hashes(folder: Path) -> dict[str, str]:
    """The SHA-256 of each weights file, written beside them."""
    hashes = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.glob("*.safetensors"))
    }
    (folder / HASHES).write_text(json.dumps(hashes, indent=2) + "\n", encoding="utf-8")
    return hashes


def write_metrics(folder: Path, figures: Mapping[str, Any]) -> None:
    """Merge `figures` into the table of held-out figures."""
    path = folder / METRICS
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    path.write_text(json.dumps({**known, **figures}, indent=2) + "\n", encoding="utf-8")
