"""What must be known to run a model: it travels with the weights, as JSON or YAML. Free of torch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator

from models.errors import SpecError
from models.photo import Sides
from models.predictions import Task

Fit = Literal["letterbox", "crop", "squash", "native"]
Channels = tuple[float, float, float]
IMAGENET_MEAN: Channels = (0.485, 0.456, 0.406)
IMAGENET_STD: Channels = (0.229, 0.224, 0.225)
STRIDE = 32
"""Networks halve their input up to five times; sides that are multiples of this divide evenly."""

TORCHVISION = "torchvision:"
UNLABELLED: tuple[Task, ...] = ("embed", "describe")
"""Tasks whose answers have no labels."""
BUILDER = r"^(torchvision:[a-z0-9_]+|smp:[A-Za-z0-9]+|tagmill:(starter|u2netp|ssdlite|facts))$"
ENCODER = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"
"""With a colon or a slash, smp would take it for an address on a hub of models."""
NAME = r"^[a-z0-9][a-z0-9._-]{0,62}$"
_FROZEN = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

MOST_LABELS = 100_000
ClassId = Annotated[int, Field(lt=MOST_LABELS)]
Label = Annotated[str, Field(min_length=1, max_length=200)]


class Preprocessing(BaseModel):
    """From a photo to the network's input of `size` pixels a side.

    `fit`: "letterbox" keeps the aspect and pads with the mean colour; "crop" scales the short side to
    `resize` (default: `size`) and keeps the centre; "squash" stretches; "native" keeps the photo's own
    size, scaled down only where its long side exceeds `size`, and pads right and below to multiples of 32.
    `mean` and `std` are those of RGB values between 0 and 1.
    """

    model_config = _FROZEN

    size: int = Field(ge=16, le=2048)
    fit: Fit = "letterbox"
    mean: Channels = IMAGENET_MEAN
    std: Channels = IMAGENET_STD
    resize: int | None = Field(default=None, ge=16, le=4096)
    interpolation: Literal["bilinear", "bicubic"] = "bilinear"

    @model_validator(mode="after")
    def _check(self) -> Self:
        if min(self.std) <= 0:
            raise ValueError("std must be above 0")
        if self.resize is not None and (self.fit != "crop" or self.resize < self.size):
            raise ValueError('resize belongs to fit "crop" and is at least size')
        return self

    @property
    def sides(self) -> Sides:
        """Pixels that the sides of a decoded photo should have: more add nothing, fewer blur."""
        match self.fit:
            case "crop":
                return Sides(self.resize or self.size, 1)
            case "squash":
                return Sides(self.size, self.size)
        return Sides(1, self.size)  # the longer side is scaled to fit


class Options(BaseModel):
    """Details of a model that have good defaults."""

    model_config = _FROZEN

    top_k: int = Field(default=5, ge=1, description="classify: labels stored a photo")
    min_score: float = Field(default=0.05, ge=0, le=1, description="detect: boxes below this are not stored")
    max_items: int = Field(default=100, ge=1, description="detect: boxes stored a photo")
    threshold: float | None = Field(None, ge=0, le=1, description="score from which a label counts in views")
    temperature: float | None = Field(
        None,
        gt=0,
        description="classify: logits are divided by it, so that scores are as sure as they are right",
    )
    num_classes: int | None = Field(
        default=None,
        ge=1,
        le=MOST_LABELS,
        description="outputs of the network, where not those of the labels",
    )
    class_ids: tuple[ClassId, ...] | None = Field(
        default=None, description="the network's class index of each label"
    )
    encoder: str | None = Field(
        default=None, pattern=ENCODER, description="smp: the encoder's name, such as resnet18"
    )
    builder: dict[str, JsonValue] = Field(default_factory=dict, description="more arguments for the builder")


class ModelSpec(BaseModel):
    """One version of one model. `weights` is `torchvision:NAME`, a local file or an object's key.

    `training` is what is known of how the weights came about: data, fingerprint, recipe. No answer depends on it.
    """

    model_config = _FROZEN

    name: str = Field(pattern=NAME)
    version: int = Field(ge=1)
    task: Task
    builder: str = Field(pattern=BUILDER)
    weights: str = Field(min_length=1)
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    labels: tuple[Label, ...] = Field(default=(), max_length=MOST_LABELS)
    preprocessing: Preprocessing
    options: Options = Options()
    metrics: dict[str, float] = Field(default_factory=dict)
    training: dict[str, JsonValue] = Field(default_factory=dict)
    description: str = ""
    license: str = ""
    on_ingest: bool = True

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.task not in UNLABELLED:
            self._check_labels()
        if self.sha256 is None and not self.weights.startswith(TORCHVISION):
            raise ValueError("sha256 of the weights file is needed: `sha256sum FILE` prints it")
        if self.weights.startswith(TORCHVISION) and not self.builder.startswith(TORCHVISION):
            raise ValueError(f"{self.weights} fits only builders of torchvision, not {self.builder}")
        if (
            self.builder.startswith("smp:")
            and self.preprocessing.fit != "native"
            and self.preprocessing.size % STRIDE
        ):
            raise ValueError(f"size must be a multiple of {STRIDE} for {self.builder}")
        return self

    def _check_labels(self) -> None:
        labels, ids = self.labels, self.options.class_ids
        if not labels:
            raise ValueError(f"a model that does {self.task} needs labels")
        twice = (
            sorted({label for label in labels if labels.count(label) > 1})
            if len({*labels}) < len(labels)
            else []
        )
        if twice:
            raise ValueError(f"label {twice[0]!r} is there twice")
        if self.task == "segment" and len(labels) > 255:
            raise ValueError("a mask holds at most 255 labels")
        if ids is not None and (len(ids) != len(labels) or len({*ids}) < len(ids) or min(ids) < 0):
            raise ValueError("options.class_ids needs one index, different and not negative, for each label")

    @property
    def key(self) -> str:
        """`name@version`, such as product-type@1."""
        return f"{self.name}@{self.version}"

    @classmethod
    def parse(cls, data: Mapping[str, Any] | str | bytes) -> ModelSpec:
        """A spec from a mapping or JSON text. Raises SpecError with a line for each wrong field."""
        try:
            return (
                cls.model_validate_json(data)
                if isinstance(data, str | bytes)
                else cls.model_validate(dict(data))
            )
        except ValidationError as error:
            raise SpecError(_sentence(error)) from None

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON and YAML. Defaults are left out."""
        plain: dict[str, Any] = json.loads(self.model_dump_json(exclude_defaults=True))
        return plain

    def to_json(self) -> str:
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False)


def _sentence(error: ValidationError) -> str:
    lines = []
    for problem in error.errors(include_url=False):
        field = ".".join(str(part) for part in problem["loc"])
        lines.append(f"{field}: {problem['msg']}" if field else problem["msg"])
    return "this model spec is wrong: " + "; ".join(lines)
