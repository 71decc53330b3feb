"""Epoch after epoch: steps, validation, the best weights, a checkpoint. Killed and begun again, it goes on."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from models.errors import CheckpointError, TrainingError, first_line
from models.training import augment
from models.training.batches import Batches
from models.training.crew import Crew
from models.training.folder import RunFolder
from models.training.losses import ClassifyLoss, DetectLoss, SegmentLoss
from models.training.network import Trainee
from models.training.optimise import Best, Schedule, optimiser_of, running_mean
from models.training.precision import precision
from models.training.recipe import Recipe
from models.training.told import Epoch, Told

STEP_SALT = 7  # apart from the chance of augmentation, which goes by (seed, epoch, index)


@dataclass
class Loop:
    """A run in progress. `validate` gives the metric (larger is better) of weights; only the lead calls it.

    `data` tells in checkpoints what is learnt from; `done` is the last checkpoint, if there is one.
    """

    recipe: Recipe
    trainee: Trainee
    batches: Batches
    folder: RunFolder
    crew: Crew
    told: Told
    validate: Callable[[Mapping[str, Tensor]], float]
    label_weights: Tensor | None = None
    data: str = ""
    done: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        device = self.crew.device
        self.trainee.core.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._optimiser = optimiser_of(self.trainee, self.recipe.optimise)
        steps = len(self.batches) * self.recipe.epochs
        self._schedule = Schedule(self._optimiser, self.recipe.optimise, steps)
        self._mean = running_mean(self.trainee.core, self.recipe.optimise.average)
        self._precision = precision(self.recipe.precision, device)
        self._scaler = self._precision.scaler()
        self._mixing = augment.mixing(self.recipe.augment, len(self.trainee.spec.labels))
        self._loss = loss_of(self.recipe, self.trainee, self.label_weights).to(device)
        self.best = Best()
        self.history: list[Epoch] = []

    def run(self) -> list[Epoch]:
        """Train to the end, from the last checkpoint if there is one; returns the history. Raises TrainingError."""
        self._go_on()
        learner: nn.Module | None = None
        for epoch in range(len(self.history), self.recipe.epochs):
            if self._ended():
                break
            self.trainee.learn(self.recipe.network, epoch)
            if learner is None or epoch == self.recipe.network.thaw_at:
                learner = self.crew.together(self._loss)  # it notes which parameters learn
            found = self._epoch(learner, epoch)
            found["metric"] = self.crew.tell(self.validate(self.weights()) if self.crew.leads else 0.0)
            self._close(found, epoch)
        return self.history

    def weights(self) -> dict[str, Tensor]:
        """As they would be published: the running mean, if there is one."""
        core = self._mean.module if self._mean else self.trainee.core
        return {name: tensor.detach().cpu() for name, tensor in core.state_dict().items()}

    def _ended(self) -> bool:
        return bool(self.history) and self.best.enough(len(self.history) - 1, self.recipe.stop_after)

    def _epoch(self, learner: nn.Module, epoch: int) -> Epoch:
        began, seen, total = time.perf_counter(), 0, 0.0
        for step, (pixels, truth) in enumerate(self.batches.epoch(epoch)):
            loss = self._step(learner, epoch, step, pixels, truth)
            seen += len(pixels) * self.crew.parts
            total += loss
            rate = seen / (time.perf_counter() - began)
            self.told.step(epoch, step + 1, len(self.batches), total / (step + 1), rate)
        seconds = time.perf_counter() - began
        return {
            "epoch": epoch,
            "loss": total / len(self.batches),
            "rate": float(self._optimiser.param_groups[-1]["lr"]),
            "images_per_second": seen / seconds,
            "waiting": self.batches.waited / seconds,
            "seconds": seconds,
        }

    def _step(self, learner: nn.Module, epoch: int, step: int, pixels: Any, truth: Any) -> float:
        # Dropout and mixing go by these numbers alone, so that a run that is resumed goes the same way.
        augment.seed(self.recipe.seed, STEP_SALT, epoch, step, self.crew.part)
        if self._mixing is not None:
            pixels, truth = self._mixing(pixels.float(), truth)
        device = self.crew.device
        with self._precision.context():
            losses = learner(_moved(pixels, device), _moved(truth, device))
        loss = torch.stack(list(losses.values())).sum()
        value = float(loss.detach())
        if not torch.isfinite(loss):
            raise TrainingError(
                f"the loss is {value} in epoch {epoch + 1}, step {step + 1}: "
                "lower optimise.rate, or choose precision fp32"
            )
        self._optimiser.zero_grad(set_to_none=True)
        self._scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        if self.recipe.optimise.clip is not None:
            self._scaler.unscale_(self._optimiser)
            nn.utils.clip_grad_norm_(self.trainee.core.parameters(), self.recipe.optimise.clip)
        self._scaler.step(self._optimiser)
        self._scaler.update()
        self._schedule.step()
        if self._mean:
            self._mean.update_parameters(self.trainee.core)
        return value

    def _close(self, found: Epoch, epoch: int) -> None:
        """The best weights first: a checkpoint must not speak of a file that is not there yet."""
        self._schedule.judge(found["metric"])
        self.history.append(found)
        best = self.best.beaten_by(found["metric"], epoch)
        if self.crew.leads:
            if best:
                self.folder.write_tensors(self.folder.best, self.weights())
            self.folder.save_checkpoint(self._state())
            self.told.epoch(found, best)

    def _state(self) -> dict[str, Any]:
        return {
            "core": self.trainee.core.state_dict(),
            "mean": self._mean.state_dict() if self._mean else None,
            "optimiser": self._optimiser.state_dict(),
            "schedule": self._schedule.state_dict(),
            "scaler": self._scaler.state_dict(),
            "best": [self.best.metric, self.best.epoch],
            "history": self.history,
            "data": self.data,
        }

    def _go_on(self) -> None:
        state = self.done
        if state is None:
            return
        try:
            self.trainee.core.load_state_dict(state["core"])
            if self._mean:
                self._mean.load_state_dict(state["mean"])
            self._optimiser.load_state_dict(state["optimiser"])
            self._schedule.load_state_dict(state["schedule"])
            self._scaler.load_state_dict(state["scaler"])
            self.best = Best(*state["best"])
            self.history = list(state["history"])
        except (KeyError, RuntimeError, ValueError, TypeError) as error:
            raise CheckpointError(
                f"{self.folder.checkpoint} is of another network ({first_line(error)[:200]}); "
                "start the run anew in another folder"
            ) from None


def loss_of(recipe: Recipe, trainee: Trainee, weights: Tensor | None) -> nn.Module:
    """The loss that fits the task."""
    how = recipe.preprocessing
    if recipe.task == "classify":
        return ClassifyLoss(trainee.core, how, recipe.loss, weights)
    if recipe.task == "segment":
        return SegmentLoss(trainee.core, how, recipe.loss, weights)
    return DetectLoss(trainee.core, how)


def _moved(value: Any, device: torch.device) -> Any:
    if isinstance(value, Tensor):
        return value.to(device, non_blocking=True)
    if isinstance(value, Mapping):
        return {name: _moved(one, device) for name, one in value.items()}
    return [_moved(one, device) for one in value]
