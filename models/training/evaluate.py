"""Any model on any labelled photos: the figures and the report of a training run, without one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from models.errors import DataError
from models.predictor import Predictor
from models.spec import ModelSpec
from models.training import duplicates, split
from models.training.facts import DataFacts, Report, SplitFacts
from models.training.looking import Looked, look
from models.training.measure import measure
from models.training.readers import is_table, read
from models.training.recipe import Data
from models.training.samples import LabelledPhotos, Mask, MaskSource, Problem, Sample, Split
from models.training.train import environment

Part = Literal["train", "val", "test", "all"]
Progress = Callable[[str, int, int], None]


def data_for(spec: ModelSpec, source: str, photos: str | None) -> Data:
    """The photos of `source`, split as those that the model learnt from were, where the spec tells.

    Another split could put photos that it learnt from into test. Raises DataError.
    """
    recipe = spec.training.get("recipe")
    known = recipe.get("data") if isinstance(recipe, Mapping) else None
    fields = dict(known) if isinstance(known, Mapping) else {}
    kept: dict[str, Any] = {name: fields[name] for name in ("val", "test", "salt") if name in fields}
    if _same_place(fields.get("source"), source):
        kept["columns"] = fields.get("columns", {})
    try:
        return Data.model_validate({**kept, "source": source, "photos": photos})
    except ValidationError as error:
        raise DataError(
            f"the recipe in the spec of {spec.key} is damaged: {error.errors()[0]['msg']}"
        ) from None


def evaluate(
    predictor: Predictor, data: Data, part: Part = "test", on_progress: Progress | None = None
) -> Report:
    """Measure the predictor's one model on a part of the photos; nothing is written.

    `on_progress(what, done, total)`. Temperature and threshold are the spec's: figures are those of production. A
    segmenter is measured by masks or, where the data are a table, by boxes: its areas' boxes against people's.

    Raises:
        DataError: the photos do not fit the model; the sentence names the first label that it lacks.
        TrainingError: something that measuring needs is not installed.
    """
    began, tell = time.monotonic(), on_progress or _nobody
    spec = predictor.specs[0]
    if spec.task == "embed" or spec.task == "describe":
        raise DataError(
            f"{spec.key} does {spec.task}, which has no labels to be measured by; name another model"
        )
    found = read(data, "detect" if spec.task == "segment" and is_table(data.source) else spec.task)
    _check_labels(spec, found)
    looked = look(found, on_progress=lambda done, total: tell("looking at photos", done, total))
    samples, problems = _part(looked, data, part)
    if not samples:
        raise DataError(f"{found.source}: no photo is in {part}; add photos, or use --split all")
    after = measure(
        predictor,
        _numbered(samples, found.labels, spec.labels),
        spec.labels,
        temperature=spec.options.temperature,
        on_progress=lambda done, total: tell("measuring", done, total),
    )
    facts: dict[Split, SplitFacts] = {"test" if part == "all" else part: SplitFacts.of(samples)}
    return Report(
        spec.key,
        after,
        DataFacts(found.source, facts, problems),
        {"description": spec.description, "data": data.model_dump(mode="json"), "split": part},
        seconds=time.monotonic() - began,
        environment=environment(predictor.engine.device),
    )


def _nobody(what: str, done: int, total: int) -> None:
    """Watches."""


def _same_place(one: Any, other: str) -> bool:
    return isinstance(one, str) and Path(one).expanduser().absolute() == Path(other).expanduser().absolute()


def _check_labels(spec: ModelSpec, found: LabelledPhotos) -> None:
    lacking = [label for label in found.labels if label not in spec.labels]
    if lacking:
        known = ", ".join(spec.labels[:20]) + (" …" if len(spec.labels) > 20 else "")
        raise DataError(
            f"{found.source} has the label {lacking[0]!r}, which {spec.key} lacks; its labels are {known}: "
            "rename the label, or leave its photos out"
        )


def _part(looked: Looked, data: Data, part: Part) -> tuple[tuple[Sample, ...], tuple[Problem, ...]]:
    if part == "all":
        return looked.samples, looked.problems
    parts = split.split(looked.samples, data)
    if part != "test":  # as in training: test stays whole, copies of it are left out elsewhere
        parts = duplicates.without(parts, duplicates.find(looked.looks, parts), looked.samples)
    chosen = {"train": parts.train, "val": parts.val, "test": parts.test}[part]
    return tuple(looked.samples[k] for k in chosen), (*looked.problems, *parts.problems)


@dataclass(frozen=True, slots=True, eq=False)
class _Numbered:
    """A mask whose labels get other numbers: `numbers` uint8 (256,)."""

    mask: MaskSource
    numbers: npt.NDArray[np.uint8]

    @property
    def name(self) -> str:
        return self.mask.name

    def load(self) -> Mask:
        return self.numbers[self.mask.load()]


def _numbered(samples: Iterable[Sample], found: tuple[str, ...], wanted: tuple[str, ...]) -> list[Sample]:
    """Masks are numbered by the labels of the data; figures go by those of the model."""
    numbers = np.arange(256, dtype=np.uint8)
    numbers[1 : len(found) + 1] = [wanted.index(label) + 1 for label in found]
    return [replace(one, mask=_Numbered(one.mask, numbers)) if one.mask else one for one in samples]
