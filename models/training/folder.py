"""The folder of one run: what is in it, and how it gets there whole or not at all."""

from __future__ import annotations

import csv
import os
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import IO, Any

import torch
import yaml
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from models.errors import CheckpointError, TrainingError, first_line
from models.spreadsheets import harmless
from models.training.recipe import Recipe


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Paths of a run, and atomic writes: a file is there whole, or as it was. Raises TrainingError on a full disk."""

    path: Path

    @property
    def recipe(self) -> Path:
        return self.path / "recipe.yaml"

    @property
    def checkpoint(self) -> Path:
        return self.path / "checkpoint.pt"

    @property
    def best(self) -> Path:
        return self.path / "best.safetensors"

    @property
    def weights(self) -> Path:
        return self.path / "weights.safetensors"

    @property
    def spec(self) -> Path:
        return self.path / "spec.yaml"

    @property
    def probe(self) -> Path:
        return self.path / "probe.safetensors"

    @property
    def finished(self) -> bool:
        return self.spec.exists()

    def check(self, recipe: Recipe, *, resume: bool) -> None:
        """That a run of this recipe can begin here, or go on. Raises CheckpointError."""
        if self.path.exists() and not self.path.is_dir():
            raise CheckpointError(f"{self.path} is a file; name a folder as --out")
        if resume and self.recipe.exists():
            if self.recipe.read_text(encoding="utf-8") != recipe.to_yaml():
                raise CheckpointError(
                    f"{self.path} holds a run of another recipe; go on with `--recipe {self.recipe}`, "
                    "or name another --out"
                )
            return
        if self.path.exists() and any(self.path.iterdir()):
            raise CheckpointError(
                f"{self.path} is not empty; add --resume to go on with its run, or name another --out"
            )

    def begin(self, recipe: Recipe) -> None:
        """Make the folder, with its recipe, unless it is there. Raises TrainingError."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise TrainingError(
                f"cannot make the folder {self.path}: {error.strerror}; name another --out"
            ) from None
        if not self.recipe.exists():
            self.write(self.recipe, recipe.to_yaml().encode())

    def write(self, path: Path, data: bytes) -> None:
        self._replace(path, lambda file: file.write(data))

    def write_tensors(
        self, path: Path, tensors: Mapping[str, Tensor], metadata: dict[str, str] | None = None
    ) -> None:
        kept = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        self.write(path, save(kept, metadata))

    def write_yaml(self, path: Path, value: Any) -> None:
        self.write(path, yaml.safe_dump(value, sort_keys=False, allow_unicode=True).encode())

    def write_table(self, name: str, head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        self.write(self.path / name, "".join(_csv_line(row) for row in (head, *rows)).encode())

    def save_checkpoint(self, state: Mapping[str, Any]) -> None:
        self._replace(self.checkpoint, lambda file: torch.save(dict(state), file))

    def load_checkpoint(self) -> dict[str, Any] | None:
        """What was saved last; None where no epoch has ended. Raises CheckpointError."""
        if not self.checkpoint.exists():
            return None
        try:
            state: dict[str, Any] = torch.load(self.checkpoint, map_location="cpu", weights_only=True)
        except Exception as error:  # noqa: BLE001 - whatever a damaged file makes the unpickler say
            raise CheckpointError(
                f"{self.checkpoint} cannot be read ({first_line(error)[:200]}); start the run anew in another folder"
            ) from None
        return state

    def load_best(self) -> dict[str, Tensor]:
        """The best epoch's weights. Raises CheckpointError."""
        try:
            return load_file(self.best)
        except (OSError, SafetensorError) as error:
            raise CheckpointError(
                f"{self.best} cannot be read ({error}); start the run anew in another folder"
            ) from None

    def _replace(self, path: Path, fill: Callable[[IO[bytes]], object]) -> None:
        try:
            with tempfile.NamedTemporaryFile(dir=self.path, prefix=".writing-", delete=False) as file:
                try:
                    fill(file)
                    file.flush()
                    os.fsync(file.fileno())
                    Path(file.name).replace(path)
                except BaseException:
                    Path(file.name).unlink(missing_ok=True)
                    raise
        except (OSError, RuntimeError) as error:
            # torch reports a full disk as a RuntimeError of its own.
            reason = getattr(error, "strerror", None) or first_line(error)[:200]
            raise TrainingError(
                f"cannot write {path}: {reason}; make room, then go on with --resume: what was there is untouched"
            ) from None


def _csv_line(row: Sequence[object]) -> str:
    line = StringIO()
    csv.writer(line, lineterminator="\n").writerow([harmless(str(cell)) for cell in row])
    return line.getvalue()
