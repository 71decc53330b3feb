"""Specs of torchvision's published weights: labels and preprocessing are published with them."""

from __future__ import annotations

from typing import Any

import torch
from torchvision import models as zoo

from models.predictions import Task
from models.spec import TORCHVISION, Fit, ModelSpec, Options, Preprocessing
from models.torchvision_models import family_of, published_weights

# Categories that stand for no thing.
_NOTHING = ("__background__", "N/A")
DETECTION_SIDE = 1333


def published_spec(
    builder: str, weights: str = "DEFAULT", *, task: Task | None = None, name: str | None = None
) -> ModelSpec:
    """The spec, version 1, of `torchvision:BUILDER` with published weights such as IMAGENET1K_V2.

    `task` may be "embed" for a classifier; `name` defaults to the builder's. Downloads nothing.

    Raises:
        BuilderError, WeightsError: torchvision does not have them.
    """
    family = family_of(builder)
    entry = published_weights(builder, weights)
    chosen: Task = task or family
    categories: list[str] = entry.meta["categories"]
    ids = [k for k, category in enumerate(categories) if category not in _NOTHING]
    labels = _different([categories[k] for k in ids])
    first = 0 if family == "classify" else 1
    options: dict[str, Any] = {}
    if ids != list(range(first, first + len(ids))) or builder.startswith(("retinanet", "fcos")):
        options = {"num_classes": len(categories), "class_ids": ids}
    return ModelSpec.parse(
        {
            "name": name or builder.replace("_", "-"),
            "version": 1,
            "task": chosen,
            "builder": TORCHVISION + builder,
            "weights": TORCHVISION + entry.name,
            "labels": () if chosen == "embed" else labels,
            "preprocessing": _detection(builder)
            if family == "detect"
            else _from_transforms(entry, family == "segment"),
            "options": Options() if chosen == "embed" else Options(**options),
            "description": f"{builder} with torchvision's weights {entry.name}",
        }
    )


def _from_transforms(entry: Any, whole: bool) -> Preprocessing:
    """Classifiers look at a centre crop; masks are wanted of the whole photo."""
    how = entry.transforms()
    common: dict[str, Any] = {
        "mean": tuple(how.mean),
        "std": tuple(how.std),
        "interpolation": how.interpolation.value,
    }
    if whole:
        return Preprocessing(size=how.resize_size[0], fit="letterbox", **common)
    return Preprocessing(size=how.crop_size[0], resize=how.resize_size[0], fit="crop", **common)


def _detection(builder: str) -> Preprocessing:
    """Detectors resize by themselves, so photos come as they are; only normalisation moves out."""
    with torch.device("meta"):  # only its settings are wanted, so no memory is filled
        transform = zoo.get_model(builder, weights=None, weights_backbone=None).transform
    size = max(transform.fixed_size) if transform.fixed_size else min(transform.max_size, DETECTION_SIDE)
    fit: Fit = "squash" if transform.fixed_size else "native"
    return Preprocessing(size=size, fit=fit, mean=tuple(transform.image_mean), std=tuple(transform.image_std))


def _different(labels: list[str]) -> list[str]:
    """ImageNet has two kinds of crane and of maillot; the second becomes "crane (2)"."""
    seen: dict[str, int] = {}
    found = []
    for label in labels:
        seen[label] = seen.get(label, 0) + 1
        found.append(label if seen[label] == 1 else f"{label} ({seen[label]})")
    return found
