"""torchvision's classifiers, with the values before their last layer as the embedding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.draft import Draft
from models.errors import BuilderError
from models.predictions import Task
from models.spec import TORCHVISION, ModelSpec
from models.torchvision_models import torchvision_model

# Heads that only help training; switching them off leaves their tensors in the weights file unused.
AUXILIARY = ("aux1.", "aux2.", "AuxLogits.")
_TRAINING_ONLY: dict[str, dict[str, Any]] = {
    "googlenet": {"aux_logits": False, "init_weights": False},
    "inception_v3": {"aux_logits": False, "init_weights": False},
}


class ClassifierNetwork(nn.Module):
    """{"classify": logits (N, labels)} and, or, {"embed": (N, width)}, in one pass."""

    def __init__(self, trunk: nn.Module, last: nn.Module | None, embeds: bool, kept: Tensor | None) -> None:
        """`trunk` gives (N, width); `last`, if any, turns that into logits; `kept` picks classes."""
        super().__init__()
        self.trunk = trunk
        self.last = last
        self.embeds = embeds
        self.register_buffer("kept", kept, persistent=False)

    def forward(self, batch: Tensor) -> dict[Task, Tensor]:
        features = self.trunk(batch)
        answer: dict[Task, Tensor] = {"embed": _flat(features)} if self.embeds else {}
        if self.last is not None:
            logits = self.last(features).flatten(1)
            answer["classify"] = logits if self.kept is None else logits.index_select(1, self.kept)
        return answer


def classifier_draft(name: str, specs: Sequence[ModelSpec]) -> Draft:
    """A classifier for "classify", "embed" or both. Raises BuilderError, WeightsError."""
    naming = next((spec for spec in specs if spec.task == "classify"), None)
    embeds = any(spec.task == "embed" for spec in specs)
    spec = naming or specs[0]
    classes = spec.options.num_classes or (len(naming.labels) if naming else None)
    arguments = {**_TRAINING_ONLY.get(name, {})}
    model: Any = torchvision_model(name, spec, classes, **arguments)
    parent, key = last_layer(model, name)
    layer = parent._modules[key]
    prefix = next(path for path, module in model.named_modules() if module is layer) + "."

    def finish() -> nn.Module:
        kept = torch.tensor(naming.options.class_ids) if naming and naming.options.class_ids else None
        if name.startswith("squeezenet"):
            # Its last layer is a convolution before the pooling, so the trunk ends at the map.
            return ClassifierNetwork(model.features, model.classifier if naming else None, embeds, kept)
        parent._modules[key] = nn.Identity()
        return ClassifierNetwork(model, layer if naming else None, embeds, kept)

    spare = AUXILIARY if naming else (*AUXILIARY, prefix)
    return Draft(model, finish, spare, filled=spec.weights.startswith(TORCHVISION))


def _flat(features: Tensor) -> Tensor:
    return features if features.dim() == 2 else F.adaptive_avg_pool2d(features, 1).flatten(1)


def last_layer(model: nn.Module, name: str) -> tuple[nn.Module, str]:
    """The parent of the last layer and its name there. It lies in fc, classifier, heads or head."""
    for top in ("fc", "classifier", "heads", "head"):
        child = getattr(model, top, None)
        if isinstance(child, nn.Linear):
            return model, top
        if isinstance(child, nn.Sequential):
            for key in reversed(list(child._modules)):
                if isinstance(child._modules[key], nn.Linear | nn.Conv2d):
                    return child, key
    raise BuilderError(f"the last layer of torchvision's {name} is not where it was expected")
