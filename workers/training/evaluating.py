"""The model that is to be measured: of a run's folder, or registered."""

from __future__ import annotations

import re
from pathlib import Path

from catalog import versions
from models.errors import BuilderError, SpecError, TrainingError, WeightsError
from models.predictor import Predictor, load_predictors
from models.spec import NAME, ModelSpec
from models.training.crew import on_gpu
from workers.registry import weights_file
from workers.runtime import Runtime
from workers.settings import settings
from workers.training.publishing import predictor_of, spec_of

_REFERENCE = re.compile(NAME.removesuffix("$") + "(@[0-9]+)?")


def predictor_for(model: str, device: str) -> Predictor:
    """The predictor of a run's folder, else of NAME or NAME@VERSION. `device`: auto, cpu or cuda.

    A run needs no services. Raises TrainingError, also where there is no such run or its weights were altered;
    WeightsError, UnknownModel of what is registered.
    """
    place = "cuda" if on_gpu(device) else "cpu"
    if Path(model).is_dir():
        try:
            return predictor_of(Path(model), spec_of(Path(model)), place)
        except WeightsError as error:
            raise TrainingError(str(error)) from None
    if not _REFERENCE.fullmatch(model):
        raise TrainingError(
            f"there is no run in {model}; name the folder that `tagmill train` printed, or a registered model as "
            "NAME or NAME@VERSION"
        )
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
