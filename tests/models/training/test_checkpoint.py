"""A checkpoint that lies in a run's folder is no more believed than weights from elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from models.errors import CheckpointError
from models.training.folder import RunFolder


class Trap:
    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("trapped"),))


def test_a_gadget_is_refused_and_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = RunFolder(tmp_path)
    torch.save({"epoch": 1, "model": Trap()}, folder.checkpoint)
    with pytest.raises(CheckpointError, match="cannot be read"):
        folder.load_checkpoint()
    assert not (tmp_path / "trapped").exists()
