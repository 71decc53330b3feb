"""How the weights move: optimiser, learning rate, running mean, and when enough is enough."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, ReduceLROnPlateau
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from models.training.network import Trainee
from models.training.recipe import Optimise

FLOOR = 0.01
"""The cosine ends at this share of the peak."""


def optimiser_of(trainee: Trainee, how: Optimise) -> torch.optim.Optimizer:
    """Trunk and head at rates of their own; biases and norms without weight decay."""
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, parameter in trainee.core.named_parameters():
        groups.setdefault((name in trainee.trunk, parameter.ndim > 1), []).append(parameter)
    settings: list[dict[str, Any]] = [
        {
            "params": parameters,
            "lr": how.rate * (how.trunk_rate if of_trunk else 1.0),
            "weight_decay": how.decay if decays else 0.0,
        }
        for (of_trunk, decays), parameters in groups.items()
    ]
    if how.optimiser == "sgd":
        return torch.optim.SGD(settings, momentum=how.momentum, nesterov=how.momentum > 0)
    return (torch.optim.AdamW if how.optimiser == "adamw" else torch.optim.Adam)(settings)


class Schedule:
    """The learning rate: by step (cosine), or by what validation says (plateau)."""

    def __init__(self, optimiser: torch.optim.Optimizer, how: Optimise, steps: int) -> None:
        self.by_validation = how.schedule == "plateau"
        self._scheduler: Any = _scheduler(optimiser, how, steps)

    def step(self) -> None:
        if not self.by_validation:
            self._scheduler.step()

    def judge(self, metric: float) -> None:
        if self.by_validation:
            self._scheduler.step(metric)

    def state_dict(self) -> dict[str, Any]:
        state: dict[str, Any] = self._scheduler.state_dict()
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._scheduler.load_state_dict(state)


def _scheduler(
    optimiser: torch.optim.Optimizer, how: Optimise, steps: int
) -> LRScheduler | ReduceLROnPlateau:
    if how.schedule == "plateau":
        return ReduceLROnPlateau(optimiser, mode="max", factor=1 / 3, patience=how.patience)
    shape = _Cosine(steps, how.warmup) if how.schedule == "cosine" else _constant
    return LambdaLR(optimiser, shape)


@dataclass(frozen=True)
class _Cosine:
    """A linear rise over the share `warmup` of the steps, then half a cosine down to FLOOR."""

    steps: int
    warmup: float

    def __call__(self, step: int) -> float:
        rise = round(self.steps * self.warmup)
        if step < rise:
            return (step + 1) / (rise + 1)
        done = min(1.0, (step - rise) / max(1, self.steps - rise))
        return FLOOR + (1 - FLOOR) * 0.5 * (1 + math.cos(math.pi * done))


def _constant(_step: int) -> float:
    return 1.0


def running_mean(core: nn.Module, decay: float) -> AveragedModel | None:
    """The weights' running mean, which often does better than the weights themselves."""
    if not decay:
        return None
    mean = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
    return AveragedModel(core, multi_avg_fn=mean, use_buffers=True)


@dataclass
class Best:
    """The best epoch so far by validation, and how long ago that was."""

    metric: float = -math.inf
    epoch: int = -1

    def beaten_by(self, metric: float, epoch: int) -> bool:
        """Whether `metric` is the new best. A tie goes to the later epoch: its rate was lower.

        NaN, where validation had nothing to go by, is better than nothing alone.
        """
        if self.epoch >= 0 and not metric >= self.metric:
            return False
        self.metric, self.epoch = -math.inf if math.isnan(metric) else metric, epoch
        return True

    def enough(self, epoch: int, stop_after: int | None) -> bool:
        return stop_after is not None and epoch - self.epoch >= stop_after
