"""From the folder of a finished run to a candidate in the registry, proven to be the network that was trained."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from catalog.versions import Version
from models import plain_yaml
from models.errors import BuilderError, SpecError, TrainingError, first_line
from models.predictor import Predictor, load_predictors
from models.spec import ModelSpec
from models.training import probe
from models.training.folder import RunFolder
from workers import registry
from workers.runtime import Runtime


def publish(runtime: Runtime, run: Path, changes: Mapping[str, Any]) -> tuple[Version, bool]:
    """Register the model of a run as a candidate: (version, whether it is new).

    `changes` are fields of the spec, such as `name` and `on_ingest`. Doing it again adds nothing.

    Raises:
        TrainingError: the run is not finished, or its spec is damaged.
        WeightsError: the weights were altered, or answer otherwise than when they were trained.
        SpecError: the changes do not fit.
    """
    spec = spec_of(run)
    probe.check(predictor_of(run, spec), RunFolder(run).probe)
    chosen = ModelSpec.parse({**spec.to_dict(), **changes})
    return registry.add(runtime.engine, runtime.store, chosen, RunFolder(run).weights, candidate=True)


def spec_of(run: Path) -> ModelSpec:
    """The spec of a finished run; `weights` is the file in its folder. Raises TrainingError."""
    folder = RunFolder(run)
    if not run.is_dir():
        raise TrainingError(f"there is no run in {run}; name the folder that `tagmill train` printed")
    if not folder.finished:
        raise TrainingError(f"the run in {run} is not finished; {_way_on(folder)}")
    try:
        fields = plain_yaml.load(folder.spec.read_text(encoding="utf-8"))
        return ModelSpec.parse({**fields, "weights": str(folder.weights)})
    except OSError as error:
        raise TrainingError(f"cannot read {folder.spec}: {error.strerror}") from None
    except (SpecError, yaml.YAMLError, UnicodeDecodeError, TypeError) as error:
        raise TrainingError(f"{folder.spec} is damaged ({first_line(error)}); {_again(folder)}") from None


def predictor_of(run: Path, spec: ModelSpec, device: str = "cpu") -> Predictor:
    """The network of a finished run, its weights checked by their hash. Raises TrainingError, WeightsError."""
    folder = RunFolder(run)
    if not folder.weights.is_file():
        raise TrainingError(f"{run} has no {folder.weights.name}; {_again(folder)}")
    try:
        return load_predictors([spec], {spec.weights: folder.weights}, device)[0]
    except (SpecError, BuilderError) as error:
        raise TrainingError(f"{folder.spec} is damaged ({first_line(error)}); {_again(folder)}") from None


def _way_on(folder: RunFolder) -> str:
    if folder.recipe.exists():
        return f"go on with `tagmill train --resume --out {folder.path}`"
    return "it holds no recipe.yaml either, so it is no run of `tagmill train`"


def _again(folder: RunFolder) -> str:
    """The run writes it anew from its last checkpoint."""
    return f"remove spec.yaml and go on with `tagmill train --resume --out {folder.path}`"
