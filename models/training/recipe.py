"""A training run as one file: everything that decides its outcome, and nothing else. Free of torch."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator

from models import plain_yaml
from models.errors import RecipeError
from models.spec import BUILDER, NAME, Preprocessing
from models.training.samples import TrainableTask

_FROZEN = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
SHIPPED = files("models.training") / "recipes"


class Data(BaseModel):
    """Where the labelled photos are, and how they are split.

    `source`: a folder, a CSV, Parquet or COCO file, or `torchvision:NAME`; docs/training.md says what each looks
    like. `photos`: the folder that names in a table or COCO file are relative to, if not the file's own.
    """

    model_config = _FROZEN

    source: str = ""
    photos: str | None = None
    val: float = Field(0.15, ge=0, lt=1, description="share of the products to choose by")
    test: float = Field(0.15, ge=0, lt=1, description="share of the products to measure on, once")
    salt: str = Field("tagmill", coerce_numbers_to_str=True, description="another salt is another split")
    limit: int | None = Field(None, ge=1, description="photos at most, for a quick look")
    columns: dict[str, str] = Field(
        default_factory=dict, description="of a table: image, label, product, split, second"
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.val + self.test >= 1:
            raise ValueError("val and test leave nothing to train on")
        return self


class Network(BaseModel):
    """What is trained, and where it starts.

    `pretrained`: "starter" (the trunk of the starter pack, for MobileNetV2 trunks), "published" (torchvision's or
    smp's weights, downloaded), "none", or a weights file; tensors that fit by name and shape are taken, and are
    the trunk. While it is `frozen` it does not learn: until epoch `thaw_at` (counted from 0) if that is given.
    """

    model_config = _FROZEN

    builder: str = Field(pattern=BUILDER)
    encoder: str | None = Field(None, description="smp: the encoder's name")
    arguments: dict[str, JsonValue] = Field(default_factory=dict, description="more for the builder")
    pretrained: str = "published"
    frozen: bool = False
    thaw_at: int | None = Field(None, ge=1)
    fixed_norms: bool = Field(False, description="keep the trunk's batch norm statistics as they are")


class Augment(BaseModel):
    """Chance changes of training photos; boxes and masks move along. Zero switches a change off."""

    model_config = _FROZEN

    crop: Literal["none", "padded", "zoom"] = "zoom"
    padding: int = Field(4, ge=0, description='crop "padded": pixels added around, then cropped to size')
    smallest: float = Field(0.35, gt=0, le=1, description='crop "zoom": least share of the photo kept')
    flip: float = Field(0.5, ge=0, le=1)
    rotate: float = Field(0, ge=0, le=180, description="degrees either way")
    scale: float = Field(0, ge=0, lt=1, description="share larger or smaller")
    colour: float = Field(0, ge=0, le=1, description="strength of brightness, contrast, saturation changes")
    invert: float = Field(0, ge=0, le=1, description="chance of a negative")
    erase: float = Field(0, ge=0, le=1, description="classify: chance of a blank rectangle")
    mixup: float = Field(0, ge=0, description="classify: alpha of MixUp")
    cutmix: float = Field(0, ge=0, description="classify: alpha of CutMix")


class Optimise(BaseModel):
    """How it learns."""

    model_config = _FROZEN

    optimiser: Literal["adamw", "adam", "sgd"] = "adamw"
    rate: float = Field(1e-3, gt=0, description="of the head; at its peak")
    trunk_rate: float = Field(1.0, ge=0, description="of the trunk, as a share of `rate`")
    decay: float = Field(0.01, ge=0)
    momentum: float = Field(0.9, ge=0, lt=1, description="sgd")
    schedule: Literal["cosine", "plateau", "constant"] = "cosine"
    warmup: float = Field(
        0.05, ge=0, lt=1, description="cosine: share of the steps that the rate takes to rise"
    )
    patience: int = Field(
        2, ge=0, description="plateau: epochs without gain before the rate falls to a third"
    )
    clip: float | None = Field(5.0, gt=0, description="largest norm of a step's gradients")
    average: float = Field(0, ge=0, lt=1, description="decay of the running mean of the weights; 0: none")


class Loss(BaseModel):
    """What is counted as wrong."""

    model_config = _FROZEN

    balance: float = Field(
        0, ge=0, le=1, description="0: as they come; 1: rare labels weigh as much as common ones"
    )
    smoothing: float = Field(0, ge=0, lt=1, description="classify: share of certainty given up")
    dice: float = Field(0, ge=0, description="segment: weight of the Dice loss beside cross-entropy")
    auxiliary: float = Field(0.4, ge=0, description="segment: weight of a second head, where there is one")


class Recipe(BaseModel):
    """One run. `name` is the model's, as it will be published."""

    model_config = _FROZEN

    name: str = Field(pattern=NAME)
    task: TrainableTask
    description: str = ""
    license: str = ""
    data: Data = Data()
    network: Network
    preprocessing: Preprocessing
    options: dict[str, JsonValue] = Field(default_factory=dict, description="of the published spec")
    augment: Augment = Augment()
    optimise: Optimise = Optimise()
    loss: Loss = Loss()
    epochs: int = Field(10, ge=1)
    batch: int = Field(32, ge=2, description="photos a step, over all processes")
    stop_after: int | None = Field(None, ge=1, description="epochs without gain before it stops early")
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    seed: int = Field(0, ge=0)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.network.thaw_at is not None and not self.network.frozen:
            raise ValueError("network.thaw_at needs network.frozen")
        if self.network.frozen and self.network.pretrained == "none":
            raise ValueError("network.frozen needs something pretrained")
        if self.task != "classify" and (self.augment.mixup or self.augment.cutmix or self.augment.erase):
            raise ValueError("augment.mixup, cutmix and erase are for classify")
        if self.augment.crop == "padded" and self.task != "classify":
            raise ValueError('augment.crop "padded" is for classify')
        if self.task != "classify" and self.loss.balance:
            raise ValueError("loss.balance is for classify; loss.dice balances masks")
        if self.task != "detect" and self.preprocessing.fit == "native":
            raise ValueError('preprocessing.fit "native" gives photos of many sizes, which make no batch')
        return self

    def to_yaml(self) -> str:
        """Every field, also those left at their defaults: a run must be readable on its own."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)

    def with_changes(self, changes: dict[str, Any]) -> Recipe:
        """A recipe with fields changed, named as in `optimise.rate`. Raises RecipeError."""
        fields = self.model_dump(mode="json")
        for path, value in changes.items():
            *parents, last = path.split(".")
            place = fields
            for parent in parents:
                place = place.setdefault(parent, {}) if isinstance(place, dict) else {}
                if not isinstance(place, dict):
                    raise RecipeError(f"{path}: {parent} has no fields")
            place[last] = value
        return parse(fields, "the changed recipe")


def shipped() -> list[str]:
    """Names of the recipes that come with Tagmill."""
    return sorted(Path(str(entry)).stem for entry in SHIPPED.iterdir() if entry.name.endswith(".yaml"))


def load(reference: str) -> Recipe:
    """The recipe of this name, or in this file. Raises RecipeError."""
    path = Path(reference)
    if reference in shipped():
        path = Path(str(SHIPPED / f"{reference}.yaml"))
    elif path.suffix not in (".yaml", ".yml"):
        raise RecipeError(
            f"there is no recipe {reference}; shipped are {', '.join(shipped())}, or name a .yaml file"
        )
    try:
        fields = plain_yaml.load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(f"cannot read the recipe {path}: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path} is no YAML: {' '.join(str(error).split())}") from None
    if not isinstance(fields, dict):
        raise RecipeError(f"{path} holds no recipe; see docs/training.md for one")
    return parse(fields, str(path))


def parse(fields: dict[str, Any], source: str) -> Recipe:
    """Raises RecipeError with a clause for each wrong field."""
    try:
        return Recipe.model_validate(fields)
    except ValidationError as error:
        wrong = [
            f"{'.'.join(str(part) for part in one['loc']) or 'recipe'}: {one['msg'].removeprefix('Value error, ')}"
            for one in error.errors(include_url=False)
        ]
        raise RecipeError(f"{source} is wrong: {'; '.join(wrong)}") from None
