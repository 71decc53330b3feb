"""Weights from strangers: tensors or a WeightsError, and never code that is run."""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch

from models.errors import WeightsError
from models.weights import read_state
from tests.fuzz.seeds.described import weights
from tests.fuzz.target import Target

_FOLDER = tempfile.TemporaryDirectory()
_RUN = Path(_FOLDER.name) / "run"


def check(data: bytes) -> None:
    for ending in (".safetensors", ".pt"):
        path = Path(_FOLDER.name) / f"weights{ending}"
        path.write_bytes(data)
        _read(path)
    assert not _RUN.exists(), "code was run"


def _read(path: Path) -> None:
    try:
        state = read_state(path, None)
    except WeightsError as error:
        assert 10 < len(str(error)) < 2_000, len(str(error))
        return
    for name, value in state.items():
        assert isinstance(name, str)
        assert not value.is_floating_point() or (value.dtype == torch.float32 and value.isfinite().all())


TARGET = Target("weights", lambda: weights(_RUN), check)
