"""torchvision's builders and published weights by name, with errors that say what to do."""

from __future__ import annotations

from difflib import get_close_matches
from pickle import UnpicklingError
from typing import Any, Literal

from torch import nn
from torchvision import models as zoo

from models.errors import BuilderError, WeightsError, first_line
from models.spec import TORCHVISION, ModelSpec
from models.weights_limits import check_network

Family = Literal["classify", "detect", "segment"]

_MODULES: tuple[tuple[Family, Any], ...] = (
    ("classify", zoo),
    ("detect", zoo.detection),
    ("segment", zoo.segmentation),
)


def family_of(name: str) -> Family:
    """What the builder is for. Raises BuilderError for others, such as video, flow and keypoints."""
    for family, module in _MODULES:
        if name in zoo.list_models(module=module) and not name.startswith("keypoint"):
            return family
    near = get_close_matches(name, [one for _, module in _MODULES for one in zoo.list_models(module=module)])
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    raise BuilderError(f"torchvision has no builder {name} for classifying, detecting or segmenting{hint}")


def published_weights(builder: str, name: str) -> Any:
    """torchvision's entry (url, meta, transforms) of weights. Raises WeightsError. Downloads nothing."""
    try:
        weights = zoo.get_model_weights(builder)
    except ValueError as error:
        raise WeightsError(f"torchvision has no weights for {builder}: {error}") from None
    known = {one.name: one for one in weights}
    if name == "DEFAULT":
        return weights["DEFAULT"]
    if name not in known:
        raise WeightsError(f"torchvision has no weights {name} for {builder}; it has {', '.join(known)}")
    return known[name]


def torchvision_model(builder: str, spec: ModelSpec, num_classes: int | None, **arguments: Any) -> nn.Module:
    """The plain torchvision model: with published weights where the spec names them, else without.

    `arguments` hold only for a model without published weights: those bring their own.
    """
    more = spec.options.builder
    if spec.weights.startswith(TORCHVISION):
        return _published(builder, spec.weights.removeprefix(TORCHVISION), more)
    if num_classes is not None:
        arguments["num_classes"] = num_classes

    def make() -> nn.Module:
        made: nn.Module = zoo.get_model(builder, weights=None, **{**arguments, **more})
        return made

    try:
        if more:
            check_network(spec.key, make)
        return make()
    except (TypeError, ValueError, RuntimeError, AssertionError, AttributeError) as error:
        raise BuilderError(f"{spec.key}: torchvision's {builder} refuses its options: {error}") from None


def _published(builder: str, name: str, more: dict[str, Any]) -> nn.Module:
    weights = published_weights(builder, name)
    try:
        model: nn.Module = zoo.get_model(builder, weights=weights, progress=False, **more)
    except (
        OSError,
        RuntimeError,
        UnpicklingError,
    ) as error:  # the last where torch's cache holds something else
        raise WeightsError(
            f"cannot fetch {TORCHVISION}{name} for {builder} from {weights.url}: {first_line(error)[:200]}; "
            "fetch the file elsewhere, name it in the spec and give its sha256"
        ) from None
    return model
