"""The parts of a step: losses, weights, rates, order."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from models.training.batches import Order
from models.training.losses import dice_loss, label_weights
from models.training.network import make_trainee
from models.training.optimise import Best, Schedule, optimiser_of
from models.training.recipe import load
from models.training.samples import IGNORED


def test_weights_balance_labels_and_keep_the_mean_loss() -> None:
    weights = label_weights([90, 10, 0], 1.0)
    assert weights is not None
    assert float(90 * weights[0]) == pytest.approx(float(10 * weights[1]))
    assert float(90 * weights[0] + 10 * weights[1]) == pytest.approx(100)
    assert float(weights[2]) == 0
    assert label_weights([90, 10], 0.0) is None


def test_dice_is_zero_for_the_truth_and_looks_away_from_what_nobody_judged() -> None:
    truth = torch.tensor([[[0, 1], [1, IGNORED]]])
    logits = torch.tensor([[[[20.0, -20], [-20, 20]], [[-20, 20], [20, -20]]]])
    assert float(dice_loss(logits, truth)) == pytest.approx(0, abs=1e-4)
    other = logits.clone()
    other[0, :, 1, 1] = -other[0, :, 1, 1]
    assert float(dice_loss(other, truth)) == pytest.approx(float(dice_loss(logits, truth)))
    assert float(dice_loss(-logits, truth)) > 0.5


def test_the_trunk_learns_more_slowly_and_norms_do_not_decay() -> None:
    recipe = load("classify")
    trainee = make_trainee(recipe, ("a", "b"))
    groups = optimiser_of(trainee, recipe.optimise).param_groups
    rates = {(group["lr"], group["weight_decay"]) for group in groups}
    assert rates == {(0.002, 0.02), (0.002, 0.0), (0.0002, 0.02), (0.0002, 0.0)}
    assert sum(len(group["params"]) for group in groups) == len(list(trainee.core.parameters()))


def test_a_frozen_trunk_thaws_in_its_epoch() -> None:
    recipe = load("classify")
    trainee = make_trainee(recipe, ("a", "b"))
    norm = next(one for one in trainee.core.modules() if isinstance(one, nn.BatchNorm2d))
    for epoch, learns in ((0, False), (5, False), (6, True)):
        trainee.learn(recipe.network, epoch)
        assert {one.requires_grad for one in trainee.trunk_parameters()} == {learns}
        assert trainee.core.training
        assert not norm.training  # fixed_norms
        assert all(one.requires_grad for one in trainee.core.classifier.parameters())  # type: ignore[union-attr]


def test_the_starter_trunk_is_what_it_starts_from() -> None:
    for name in ("classify", "detect", "segment"):
        trainee = make_trainee(load(name), ("a", "b"))
        assert len(trainee.trunk) == 260, name


def rates(schedule: str, steps: int, warmup: float = 0.0) -> list[float]:
    recipe = load("classify").with_changes({"optimise.schedule": schedule, "optimise.warmup": warmup})
    optimiser = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    found = []
    plan = Schedule(optimiser, recipe.optimise, steps)
    for _ in range(steps):
        found.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        plan.step()
    return found


def test_the_rate_rises_and_falls() -> None:
    found = rates("cosine", 100, 0.1)
    assert max(found) == pytest.approx(1.0)
    assert found.index(max(found)) == 10
    assert found[0] < 0.2
    assert found[-1] < 0.02
    assert rates("constant", 5) == [1.0] * 5


def test_a_plateau_lowers_the_rate() -> None:
    recipe = load("classify").with_changes({"optimise.schedule": "plateau", "optimise.patience": 1})
    optimiser = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.9)
    plan = Schedule(optimiser, recipe.optimise, 100)
    for metric in (0.5, 0.5, 0.5, 0.5):
        plan.judge(metric)
    assert optimiser.param_groups[0]["lr"] == pytest.approx(0.3)


def test_the_best_epoch_and_when_it_is_enough() -> None:
    best = Best()
    assert [best.beaten_by(metric, k) for k, metric in enumerate((0.1, 0.3, math.nan, 0.2, 0.3))] == [
        True,
        True,
        False,
        False,
        True,
    ]
    assert not best.enough(6, 3)
    assert best.enough(7, 3)
    assert not best.enough(99, None)


@pytest.mark.parametrize(("count", "batch", "parts"), [(50, 8, 1), (50, 8, 3), (5, 8, 2), (16, 8, 2)])
def test_an_epoch_is_dealt_out_among_processes(count: int, batch: int, parts: int) -> None:
    dealt = [list(Order(count, batch, 1, part, parts)) for part in range(parts)]
    assert len({len(one) for one in dealt}) == 1, "a process would wait for ever"
    whole = list(Order(count, batch, 1))
    for k, together in enumerate(zip(*dealt, strict=True)):
        assert sorted(index for one in together for index in one) == sorted(whole[k])
    seen = [index for one in whole for _, index in one]
    assert len(seen) == len(set(seen))
    assert len(seen) >= count - batch / 2


def test_each_epoch_has_an_order_of_its_own() -> None:
    order = Order(30, 10, 4)
    first = list(order)
    order.epoch = 1
    assert [[index for _, index in one] for one in order] != [[index for _, index in one] for one in first]
    order.epoch = 0
    assert list(order) == first
