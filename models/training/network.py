"""The network that learns: built from a recipe, filled with what it starts from, and split into trunk and head."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor, nn

from models.builders import make_draft
from models.classifier import last_layer
from models.errors import RecipeError, TrainingError, first_line
from models.spec import TORCHVISION, ModelSpec
from models.starter.packing import FOLDER, STARTER
from models.torchvision_models import family_of, published_weights
from models.training.recipe import Network, Recipe
from models.weights import fill, pour, read_state

UNKNOWN = "0" * 64
"""Stands for the hash of weights that are still being learnt."""


@dataclass(frozen=True)
class Trainee:
    """`core` has the tensor names of the weights file. `trunk` names what was taken from elsewhere: the rest is new."""

    spec: ModelSpec
    core: nn.Module
    trunk: frozenset[str]

    def trunk_parameters(self) -> Iterator[nn.Parameter]:
        return (one for name, one in self.core.named_parameters() if name in self.trunk)

    def learn(self, network: Network, epoch: int) -> None:
        """Put every part into the mode that it has in this epoch."""
        frozen = network.frozen and (network.thaw_at is None or epoch < network.thaw_at)
        self.core.train()
        for parameter in self.trunk_parameters():
            parameter.requires_grad_(not frozen)
        if frozen or network.fixed_norms:
            for name, module in self.core.named_modules():
                if f"{name}.running_mean" in self.trunk:
                    module.eval()


def spec_of(recipe: Recipe, labels: tuple[str, ...]) -> ModelSpec:
    """What will be published, but for the hash of its weights. Raises SpecError."""
    network = recipe.network
    options: dict[str, Any] = {**recipe.options, "builder": network.arguments}
    if network.encoder:
        options["encoder"] = network.encoder
    return ModelSpec.parse(
        {
            "name": recipe.name,
            "version": 1,
            "task": recipe.task,
            "builder": network.builder,
            "weights": "weights.safetensors",
            "sha256": UNKNOWN,
            "labels": labels,
            "preprocessing": recipe.preprocessing,
            "options": options,
            "description": recipe.description,
            "license": recipe.license,
        }
    )


def make_trainee(recipe: Recipe, labels: tuple[str, ...]) -> Trainee:
    """The network of a recipe, its new parts random by the recipe's seed.

    Raises:
        SpecError, BuilderError: it cannot be built.
        WeightsError: what it should start from cannot be had.
        RecipeError: of that, nothing fits.
    """
    spec = spec_of(recipe, labels)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        core = make_draft([spec]).core
    if recipe.network.pretrained == "none":
        return Trainee(spec, core, frozenset())
    state = starting_state(recipe.network, spec)
    taken = transfer(core, state, spared=_replaced(core, spec))
    if not taken:
        raise RecipeError(
            f"nothing of {recipe.network.pretrained} fits {recipe.network.builder}: "
            "choose weights of the same network, or `network.pretrained: none`"
        )
    return Trainee(spec, core, frozenset(taken))


def starting_state(network: Network, spec: ModelSpec) -> Mapping[str, Tensor]:
    """The tensors to start from. Raises WeightsError."""
    if network.pretrained == "starter":
        state = read_state(FOLDER / STARTER, None)
        return {name: tensor for name, tensor in state.items() if name.startswith("trunk.")}
    if network.pretrained == "published":
        return _published(network, spec)
    return read_state(Path(network.pretrained), None)


def transfer(core: nn.Module, state: Mapping[str, Tensor], spared: tuple[str, ...] = ()) -> set[str]:
    """Copy what fits by name and shape, but for names that begin with one of `spared`; returns the names filled.

    A trunk may stand in the one under another name than in the other: `encoder.features.0` is `trunk.features.0`.
    """
    own = core.state_dict()
    known = {_within(name): tensor for name, tensor in state.items()}
    pairs = {name: known[_within(name)] for name in own if _within(name) in known}
    taken = {
        name: tensor
        for name, tensor in pairs.items()
        if tensor.shape == own[name].shape and not name.startswith(spared)
    }
    pour(core, taken)
    return set(taken)


def rebuild(spec: ModelSpec, state: Mapping[str, Tensor]) -> nn.Module:
    """The network that answers, with these tensors: what a worker would load."""
    draft = make_draft([spec])
    fill(draft, state, spec.key)
    return draft.finish()


_TRUNKS = ("trunk.", "encoder.", "backbone.")


def _within(name: str) -> str:
    """The name without the place that a trunk has in a larger network."""
    return next((name.removeprefix(place) for place in _TRUNKS if name.startswith(place)), name)


def _replaced(core: nn.Module, spec: ModelSpec) -> tuple[str, ...]:
    """The last layer of a classifier learns anew, also where the number of labels happens to fit."""
    if spec.task != "classify":
        return ()
    parent, key = last_layer(core, spec.builder)
    layer = parent._modules[key]
    return (next(path for path, module in core.named_modules() if module is layer) + ".",)


def _published(network: Network, spec: ModelSpec) -> Mapping[str, Tensor]:
    """torchvision's weights of this network, or the weights of an encoder as smp publishes them."""
    kind, _, name = network.builder.partition(":")
    try:
        if f"{kind}:" == TORCHVISION:
            family_of(name)
            state: Mapping[str, Tensor] = published_weights(name, "DEFAULT").get_state_dict(
                progress=False, check_hash=True
            )
            return state
        if kind == "smp":
            import segmentation_models_pytorch as smp

            encoder = smp.encoders.get_encoder(spec.options.encoder or "resnet34", weights="imagenet")
            return {f"encoder.{key}": tensor for key, tensor in encoder.state_dict().items()}
    except (OSError, RuntimeError, ImportError, UnpicklingError) as error:
        raise TrainingError(
            f"cannot fetch the published weights of {network.builder}: {first_line(error)[:200]}; fetch them elsewhere "
            "and name the file in network.pretrained, or choose `starter` (MobileNetV2 trunks) or `none`"
        ) from None
    raise RecipeError(
        f"{network.builder} has no published weights; choose `starter`, `none` or a weights file"
    )
