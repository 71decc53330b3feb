"""A training run as a whole: labelled photos in, a folder out that can be looked at and published."""

from __future__ import annotations

import platform
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from models.digest import sha256_of
from models.errors import CheckpointError, RecipeError, TrainingError
from models.geometry import place
from models.predictor import Predictor
from models.preprocess import make_batch
from models.spec import ModelSpec
from models.training import loop, probe
from models.training.batches import Batches
from models.training.crew import Crew
from models.training.examples import Examples
from models.training.facts import Report
from models.training.folder import RunFolder
from models.training.losses import label_weights
from models.training.measure import HEADLINE, Measured, Temperature, measure
from models.training.network import Trainee, make_trainee, rebuild
from models.training.prepare import Prepared, prepare
from models.training.recipe import Recipe
from models.training.report import write_report
from models.training.samples import Split
from models.training.told import Told

PROBES = 4
"""Photos whose answers go into the run, to tell the network by."""


class Run:
    """One run in its folder. `base`: the folder that the data's path is relative to."""

    def __init__(
        self, recipe: Recipe, folder: Path, crew: Crew, told: Told, *, base: Path | None = None
    ) -> None:
        self.recipe = recipe
        self.folder = RunFolder(folder)
        self.crew = crew
        self.told = told
        self.base = base

    def train(self, *, resume: bool = False) -> Report | None:
        """Train, measure, report; None in all processes but the lead.

        Raises TrainingError, and the other errors of `models`, before anything is begun or with the run as it was
        at its last checkpoint.
        """
        began = time.monotonic()
        if self.recipe.batch < 2 * self.crew.parts:
            raise RecipeError(
                f"batch {self.recipe.batch} is too small: each process needs two photos or more"
            )
        if self.crew.leads:
            self.folder.check(self.recipe, resume=resume)
        data = prepare(self.recipe, base=self.base, on_progress=self.told.looking)
        trainee = make_trainee(self.recipe, data.labels)
        done = self.folder.load_checkpoint()
        if done is not None and done.get("data") != data.identity:
            raise CheckpointError(
                f"{data.source} is not what the run in {self.folder.path} began with: photos, labels or splits have "
                "changed; put them back, or start anew with another --out"
            )
        if self.crew.leads:
            self.folder.begin(self.recipe)
            data.write(self.folder)
        running = self._loop(data, trainee, done)
        running.run()
        if not self.crew.leads:
            return None
        return self._finish(data, trainee, running, began)

    def _loop(self, data: Prepared, trainee: Trainee, done: dict[str, Any] | None) -> loop.Loop:
        examples = Examples(data.samples["train"], data.labels, self.recipe)
        batches = Batches(examples, self.recipe, part=self.crew.part, parts=self.crew.parts)
        weights = label_weights(data.counts(), self.recipe.loss.balance)  # balance is 0 but for classify

        def validate(state: Mapping[str, Tensor]) -> float:
            found = self._measure(trainee, state, data, "val", "validating")
            return found.figures.get(HEADLINE[self.recipe.task], float("nan"))

        self.told.prepared(data, len(done["history"]) if done else 0)
        return loop.Loop(
            self.recipe,
            trainee,
            batches,
            self.folder,
            self.crew,
            self.told,
            validate,
            label_weights=weights,
            data=data.identity,
            done=done,
        )

    def _finish(self, data: Prepared, trainee: Trainee, running: loop.Loop, began: float) -> Report:
        state = self.folder.load_best()
        untrained = make_trainee(self.recipe, data.labels).core.state_dict()
        before = self._measure(trainee, untrained, data, "test", "measuring before")
        temperature = None
        if self.recipe.task == "classify":
            temperature = self._measure(trainee, state, data, "val", "calibrating", "fit").temperature
        after = self._measure(trainee, state, data, "test", "measuring after", temperature)
        report = Report(
            self.recipe.name,
            after,
            data.facts(),
            self.recipe.model_dump(mode="json"),
            running.history,
            before,
            running.best.epoch,
            time.monotonic() - began,
            environment(self.crew.device),
        )
        self._write(data, trainee, state, after, report)
        return report

    def _write(
        self, data: Prepared, trainee: Trainee, state: Mapping[str, Tensor], after: Measured, report: Report
    ) -> None:
        """The spec comes last: a folder that has one is finished, and may be published."""
        folder = self.folder
        folder.write_tensors(folder.weights, state)
        predictor = self._predictor(trainee, state)
        folder.write_tensors(folder.probe, probe.ask(predictor, self._pixels(data, predictor)))
        try:
            write_report(folder.path, report)
        except OSError as error:
            raise TrainingError(
                f"cannot write the report: {error.strerror}; make room, then --resume"
            ) from None
        folder.write_yaml(folder.spec, self._spec(data, trainee, after).to_dict())

    def _spec(self, data: Prepared, trainee: Trainee, after: Measured) -> ModelSpec:
        training: dict[str, Any] = {
            "source": data.source,
            "fingerprint": data.fingerprint,
            "photos": {name: len(chosen) for name, chosen in data.samples.items()},
            "recipe": self.recipe.model_dump(mode="json"),
        }
        return trainee.spec.model_copy(
            update={
                "sha256": sha256_of(self.folder.weights),
                "metrics": after.figures,
                "training": training,
                "options": trainee.spec.options.model_copy(update={"temperature": after.temperature}),
            }
        )

    def _pixels(self, data: Prepared, predictor: Predictor) -> Tensor:
        how = self.recipe.preprocessing
        photos = [one.photo.load(predictor.sides) for one in data.samples["test"][:PROBES]]
        placements = [place(photo.width, photo.height, how) for photo in photos]
        size = (placements[0].input_width, placements[0].input_height)
        same = [k for k, one in enumerate(placements) if (one.input_width, one.input_height) == size]
        return make_batch([photos[k] for k in same], [placements[k] for k in same], how).contiguous()

    def _measure(
        self,
        trainee: Trainee,
        state: Mapping[str, Tensor],
        data: Prepared,
        split: Split,
        what: str,
        temperature: Temperature = None,
    ) -> Measured:
        return measure(
            self._predictor(trainee, state),
            data.samples[split],
            data.labels,
            temperature=temperature,
            on_progress=lambda done, total: self.told.measuring(what, done, total),
        )

    def _predictor(self, trainee: Trainee, state: Mapping[str, Tensor]) -> Predictor:
        return Predictor([trainee.spec], rebuild(trainee.spec, state), self.crew.device)


def environment(device: torch.device) -> dict[str, str]:
    """What the figures depend on beside the recipe."""
    name = (
        torch.cuda.get_device_name(device) if device.type == "cuda" else f"{torch.get_num_threads()} threads"
    )
    return {
        "device": f"{device.type}, {name}",
        "machine": platform.machine(),
        "python": platform.python_version(),
        "torch": torch.__version__,
    }
