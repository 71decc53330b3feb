"""Decoded photos in, predictions out: the one thing the rest of Tagmill asks of a model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from models.builders import make_draft, may_share
from models.decode import Photo
from models.engine import Engine
from models.errors import PhotoError, SpecError, UnusableOutput, WeightsError
from models.facts.colours import ColourTable
from models.geometry import Placement, place
from models.photo import Sides
from models.postprocess import Answer, answers, unusable, usable
from models.predictions import Prediction, Task
from models.preprocess import make_batch
from models.spec import TORCHVISION, ModelSpec
from models.weights import fill, read_state

Outcome = tuple[Prediction, ...] | PhotoError
"""What became of one photo: a prediction for each spec, or why there is none."""


class Runs(Protocol):
    """What a predictor needs of an engine: see `models.engine.Engine` and `models.compile.engine.CompiledEngine`."""

    device: torch.device
    network: nn.Module

    @property
    def batch_size(self) -> int: ...

    def run(self, batch: Tensor) -> dict[Task, Any]: ...


class Predictor:
    """One network, and the model versions whose answers it gives in one pass.

    `predict` may be called with any number of photos. It holds no state between calls; one predictor serves
    one thread at a time.
    """

    def __init__(
        self,
        specs: Sequence[ModelSpec],
        network: nn.Module,
        device: str | torch.device = "cpu",
        *,
        fold: bool = True,
    ) -> None:
        """`network` as in `models.builders`. `fold` merges batch norms into convolutions where that is exact.

        Raises:
            SpecError: no specs, or they differ in preprocessing.
        """
        if not specs:
            raise SpecError("a predictor needs at least one model spec")
        if any(spec.preprocessing != specs[0].preprocessing for spec in specs):
            raise SpecError(
                f"{', '.join(spec.key for spec in specs)} differ in preprocessing, so they cannot share"
            )
        self.specs = tuple(specs)
        self.how = specs[0].preprocessing
        self.engine: Runs = Engine(network, self.how, device, fold=fold)

    @property
    def batch_size(self) -> int:
        """Photos a forward pass that suit the device best."""
        return self.engine.batch_size

    @property
    def sides(self) -> Sides:
        """Pass this to `decode`: the network gains nothing from larger photos."""
        return self.how.sides

    def predict(self, photos: Sequence[Photo]) -> list[tuple[Prediction, ...]]:
        """For each photo, in order, one prediction a spec, in the order of `specs`.

        Raises:
            UnusableOutput: a photo's answer is not finite; use `outcomes` to get those of the others.
        """
        found = []
        for outcome in self.outcomes(photos):
            if isinstance(outcome, PhotoError):
                raise outcome
            found.append(outcome)
        return found

    def outcomes(self, photos: Sequence[Photo]) -> list[Outcome]:
        """As `predict`, but a photo without a usable answer has its error in its place."""
        placements = [place(photo.width, photo.height, self.how) for photo in photos]
        found: dict[int, Outcome] = {}
        for chunk in _chunks(placements, self.batch_size):
            chosen = [photos[k] for k in chunk]
            found.update(zip(chunk, self._batch(chosen, [placements[k] for k in chunk]), strict=True))
        return [found[k] for k in range(len(photos))]

    def logits(self, photos: Sequence[Photo]) -> Tensor:
        """What a classifier's softmax is taken of, for measuring: float32 (N, labels), on the CPU, in order.

        Rows that are not finite are left as they are.

        Raises:
            SpecError: none of the models classifies.
        """
        spec = next((spec for spec in self.specs if spec.task == "classify"), None)
        if spec is None:
            raise SpecError(f"{self.specs[0].key} does {self.specs[0].task}; it has no logits of labels")
        placements = [place(photo.width, photo.height, self.how) for photo in photos]
        found = torch.empty(len(photos), len(spec.labels))
        for chunk in _chunks(placements, self.batch_size):
            batch = make_batch([photos[k] for k in chunk], [placements[k] for k in chunk], self.how)
            found[chunk] = self.engine.run(batch)["classify"].float()
        return found

    def _batch(self, photos: Sequence[Photo], placements: Sequence[Placement]) -> list[Outcome]:
        raw = self.engine.run(make_batch(photos, placements, self.how))
        columns = [answers(spec, raw, placements) for spec in self.specs]
        fine = usable(raw, len(photos))
        rows = zip(*columns, strict=True)
        return [_outcome(row) if ok else unusable(self.specs[0]) for row, ok in zip(rows, fine, strict=True)]


def load_predictors(
    specs: Sequence[ModelSpec], weights_paths: Mapping[str, Path], device: str | torch.device = "cpu"
) -> list[Predictor]:
    """Predictors for all specs, as few as possible: specs of the same weights and preprocessing share one.

    `weights_paths` maps `spec.weights` to a local file; `torchvision:NAME` needs no entry.

    Raises:
        SpecError, BuilderError, WeightsError: the first model that cannot be loaded, with the reason.
    """
    return [_load(group, weights_paths, device) for group in group_specs(specs)]


def group_specs(specs: Sequence[ModelSpec]) -> list[tuple[ModelSpec, ...]]:
    """Specs that one network can serve together, in the order of their first members."""
    groups: list[list[ModelSpec]] = []
    for spec in specs:
        home = next((group for group in groups if all(may_share(spec, other) for other in group)), None)
        if home is None:
            groups.append([spec])
        else:
            home.append(spec)
    return [tuple(group) for group in groups]


def _load(
    specs: tuple[ModelSpec, ...], weights_paths: Mapping[str, Path], device: str | torch.device
) -> Predictor:
    spec = specs[0]
    if not spec.weights.startswith(TORCHVISION) and spec.weights not in weights_paths:
        raise WeightsError(f"{spec.key}: there is no local file for the weights {spec.weights}")
    draft = make_draft(specs)
    if not draft.filled:
        path = weights_paths[spec.weights]
        fill(draft, read_state(path, spec.sha256), f"{spec.key}: {path.name}")
    network = draft.finish()
    if isinstance(network, ColourTable):
        from models.facts.describer import Describer  # it builds on what is here

        return Describer(specs, network)
    return Predictor(specs, network, device)


def _chunks(placements: Sequence[Placement], size: int) -> Iterator[list[int]]:
    """Indices of photos that go together: the same input size, at most `size` of them."""
    by_shape: dict[tuple[int, int], list[int]] = {}
    for k, one in enumerate(placements):
        by_shape.setdefault((one.input_height, one.input_width), []).append(k)
    for same in by_shape.values():
        for start in range(0, len(same), size):
            yield same[start : start + size]


def _outcome(row: tuple[Answer, ...]) -> Outcome:
    good = tuple(one for one in row if not isinstance(one, UnusableOutput))
    return good if len(good) == len(row) else next(one for one in row if isinstance(one, UnusableOutput))
