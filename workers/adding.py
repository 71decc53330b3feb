"""Adding models: a spec and weights, proven to load before anything is registered."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from safetensors.torch import save_file

from catalog.versions import Version
from models.builders import make_draft
from models.digest import sha256_of
from models.errors import WeightsError
from models.predictions import Task
from models.predictor import load_predictors
from models.published import published_spec
from models.spec import ModelSpec
from models.weights_limits import check_file
from workers import registry
from workers.runtime import Runtime


def add_from_file(
    runtime: Runtime, fields: Mapping[str, Any], folder: Path, changes: Mapping[str, Any]
) -> tuple[Version, bool]:
    """Register the model that `fields` describe; its weights file is named relative to `folder`.

    Version and hash may be left out: the next number and the file's own. Raises SpecError, WeightsError.
    """
    weights = folder / str(fields.get("weights", ""))
    if not weights.is_file():
        raise WeightsError(f"there is no weights file {weights}; `weights` names it relative to the spec")
    check_file(weights)
    known = {"version": 1, "sha256": sha256_of(weights)}
    spec = ModelSpec.parse({**known, **fields, **changes, "weights": str(weights)})
    load_predictors([spec], {spec.weights: weights})
    return registry.add(runtime.engine, runtime.store, spec, weights)


def add_published(
    runtime: Runtime, source: str, task: str | None, changes: Mapping[str, Any]
) -> tuple[Version, bool]:
    """Register torchvision's published weights, `BUILDER` or `BUILDER/WEIGHTS`.

    They are downloaded here, once, and kept in the store: workers need no internet. Raises WeightsError.
    """
    builder, _, weights = source.removeprefix("torchvision:").partition("/")
    spec = published_spec(builder, weights or "DEFAULT", task=cast("Task | None", task))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{builder}.safetensors"
        save_file(make_draft([spec]).core.state_dict(), path)
        return add_from_file(runtime, spec.to_dict() | {"weights": path.name}, path.parent, changes)
