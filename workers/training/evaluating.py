"""The model that is to be measured: of a run's folder, or registered."""

from __future__ import annotations

from pathlib import Path

import torch

from catalog import versions
from models.errors import BuilderError, SpecError, TrainingError
from models.predictor import Predictor, load_predictors
from models.spec import ModelSpec
from workers.registry import weights_file
from workers.runtime import Runtime
from workers.settings import settings
from workers.training.publishing import predictor_of, spec_of


def predictor_for(model: str, device: str) -> Predictor:
    """The predictor of a run's folder, else of NAME or NAME@VERSION. `device`: auto, cpu or cuda.

    A run needs no services. Raises TrainingError, WeightsError, UnknownModel.
    """
    place = "cuda" if device == "cuda" or (device == "auto" and torch.cuda.is_available()) else "cpu"
    if Path(model).is_dir():
        return predictor_of(Path(model), spec_of(Path(model)), place)
    return _registered(Runtime(settings()), model, place)


def _registered(runtime: Runtime, reference: str, device: str) -> Predictor:
    with runtime.engine.connect() as connection:
        version = versions.find(connection, reference)
    path = weights_file(runtime.store, runtime.settings.weights_cache, version)
    try:
        spec = ModelSpec.parse({**version.spec, "weights": str(path)})
        return load_predictors([spec], {spec.weights: path}, device)[0]
    except (SpecError, BuilderError) as error:
        raise TrainingError(f"{version.key} cannot be loaded: {error}") from None
