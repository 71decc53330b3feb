"""Weights from strangers: tensors or a WeightsError, and never code that is run."""

from __future__ import annotations

import io
import pickle
import tempfile
from pathlib import Path

import torch
from safetensors.torch import save

from models.errors import WeightsError
from models.weights import read_state
from tests.fuzz.target import Target

_FOLDER = tempfile.TemporaryDirectory()
_RUN = Path(_FOLDER.name) / "run"


class Gadget:
    """A pickle that runs a program when it is loaded."""

    def __reduce__(self) -> tuple[object, ...]:
        return _RUN.touch, ()


def check(data: bytes) -> None:
    for ending in (".safetensors", ".pt"):
        path = Path(_FOLDER.name) / f"weights{ending}"
        path.write_bytes(data)
        try:
            state = read_state(path, None)
        except WeightsError as error:
            assert 10 < len(str(error)) < 2_000, len(str(error))
        else:
            assert all(
                isinstance(name, str) and bool(torch.isfinite(value.float()).all())
                for name, value in state.items()
            )
    assert not _RUN.exists(), "code was run"


def _seeds() -> tuple[bytes, ...]:
    tensors = {
        "a.weight": torch.arange(6.0).reshape(2, 3),
        "b": torch.zeros(2, dtype=torch.int64),
        "c": torch.ones(2).half(),
    }
    new, old, wrapped = io.BytesIO(), io.BytesIO(), io.BytesIO()
    torch.save(tensors, new)
    torch.save(tensors, old, _use_new_zipfile_serialization=False)
    torch.save(
        {"state_dict": {f"module.{name}": value for name, value in tensors.items()}, "epoch": 1}, wrapped
    )
    gadget = io.BytesIO()
    torch.save({"a": Gadget()}, gadget)
    return (
        save(tensors),
        new.getvalue(),
        old.getvalue(),
        wrapped.getvalue(),
        gadget.getvalue(),
        pickle.dumps(Gadget()),
    )


TARGET = Target("weights", _seeds, check)
