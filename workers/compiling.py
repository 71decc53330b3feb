"""Networks compiled ahead of the first photo, with the settings of this machine's workers."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from catalog import versions
from models.compile import Verdict
from workers.device import device_of, worker_shape
from workers.model_cache import ModelCache, compiler_of
from workers.runtime import Runtime

Found = list[tuple[list[str], Verdict]]


def compile_models(runtime: Runtime, names: Sequence[str], *, again: bool = False) -> Found:
    """For each network of the named versions (all, where none is named) its models and its form.

    Raises UnknownModel.
    """
    config = runtime.settings
    shape = worker_shape(config)
    torch.set_num_threads(shape.threads)
    compiler = compiler_of(config, shape, again=again)
    cache = ModelCache(
        runtime.engine, runtime.store, config.weights_cache, device_of(shape, 0), compiler, compile_from=0
    )
    with runtime.engine.connect() as connection:
        chosen = [versions.find(connection, name) for name in names] if names else versions.every(connection)
    return [
        (list(loaded.versions.values()), loaded.verdict or _failed(loaded.predictor))
        for loaded in cache.get({version.id for version in chosen})
    ]


def _failed(error: object) -> Verdict:
    return Verdict(form="eager", reason=f"cannot be loaded: {error}")
