"""The gate: it lets equals through and stops what answers otherwise. Rounding: what must not be rounded is found."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from models.compile.fidelity import BOUNDS_INT8, agreement, calibration_photos, real_photos, shortfall
from models.compile.graph import Graph
from models.compile.rounding import INT8, halve, layers_to_keep, to_type
from models.predictor import Predictor, load_predictors
from models.spec import Preprocessing
from models.starter.boxes import DetectMaps, decode_detections
from models.starter.pack import starter_specs

BF16 = to_type(torch.bfloat16)
HOW = Preprocessing(size=32)


@pytest.fixture(scope="module")
def starter() -> Predictor:
    torch.set_num_threads(1)
    specs = [spec for spec in starter_specs() if spec.builder == "tagmill:starter"]
    (predictor,) = load_predictors(specs, {spec.weights: Path(spec.weights) for spec in specs})
    return predictor


def noisy(predictor: Predictor, noise: float) -> Predictor:
    """The same network with every weight off by about so much of itself."""
    other = copy.copy(predictor)
    other.engine = copy.deepcopy(predictor.engine)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in other.engine.network.parameters():
            weight.mul_(1 + noise * torch.randn(weight.shape, generator=generator))
    return other


def test_a_network_agrees_with_itself(starter: Predictor) -> None:
    found = agreement(starter, starter, real_photos(256)[::20])
    assert set(found) == {"top1", "boxes", "mask_iou", "cosine"}
    assert all(value == pytest.approx(1.0) for value in found.values())
    assert not shortfall(found)


def test_a_network_that_answers_otherwise_is_refused(starter: Predictor) -> None:
    found = agreement(starter, noisy(starter, 0.05), real_photos(256)[::20])
    assert "cosine" in shortfall(found)


def test_without_anything_to_compare_nothing_is_proven() -> None:
    assert "segment" in shortfall({"top1": 1.0}, ["classify", "segment"])
    assert not shortfall({"top1": 1.0}, ["classify"])


def test_the_photos_of_the_gate_are_many_and_different() -> None:
    photos = real_photos(256)
    assert len(photos) == 200
    assert len({photo.pixels.tobytes() for photo in photos}) == 200
    assert real_photos(256) is photos


class Cancelling(nn.Module):
    """Its second layer subtracts large numbers that its first has made nearly equal."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Conv2d(3, 2, 1)
        self.second = nn.Conv2d(2, 4, 1, bias=False)
        self.third = nn.Conv2d(4, 4, 1, bias=False)
        with torch.no_grad():
            self.first.bias.copy_(torch.tensor([300.0, 300.0]))  # type: ignore[union-attr]
            self.second.weight[:, 1] = -self.second.weight[:, 0]

    def forward(self, batch: Tensor) -> dict[str, Tensor]:
        return {"embed": self.third(self.second(self.first(batch))).mean(dim=(2, 3))}


def bytes_(seed: int) -> Tensor:
    return torch.randint(
        0, 256, (4, 3, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed)
    )


def test_a_layer_in_which_numbers_cancel_stays_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.compile.rounding.MOST_KEPT", 0.7)
    network = Cancelling().eval()
    batches = [bytes_(seed) for seed in range(3)]
    exact = Graph(copy.deepcopy(network), HOW, ["embed"])
    kept = layers_to_keep(exact, BF16, batches)
    assert kept is not None
    assert "third" not in kept
    assert "first" in kept or "second" in kept

    def error(kept: frozenset[str]) -> float:
        other = copy.deepcopy(network)
        graph = Graph(other, HOW, ["embed"], halve(other, torch.bfloat16, kept))
        with torch.no_grad():
            a, b = exact(batches[0])["embed"], graph(batches[0])["embed"]
        return float((a - b).norm() / a.norm())

    assert error(kept) < 0.02 < 0.2 < error(frozenset())


def test_a_network_of_which_all_must_stay_is_not_rounded() -> None:
    exact = Graph(Cancelling().eval(), HOW, ["embed"])
    assert layers_to_keep(exact, BF16, [bytes_(0)]) is None  # two of three are more than a quarter


def test_int8_is_imitated_as_it_is_multiplied() -> None:
    # A scale a channel: a small one keeps its digits.
    weight = torch.tensor([[1.27, 0.014], [0.0127, 0.0001]])
    assert INT8.weight(weight).tolist() == [pytest.approx([1.27, 0.01]), pytest.approx([0.0127, 0.0001])]
    given = torch.tensor([-0.4, 0.0, 1.7, 2.15])  # 255 steps of 0.01, zero is one of them
    assert INT8.given(given).tolist() == pytest.approx([-0.4, 0.0, 1.7, 2.15], abs=1e-6)
    assert INT8.given(torch.tensor([0.0, 0.104, 25.5])).tolist() == pytest.approx([0.0, 0.1, 25.5])


def test_int8_has_wider_bounds() -> None:
    found = {"top1": 0.985, "mask_iou": 0.96}
    assert shortfall(found)
    assert not shortfall(found, bounds=BOUNDS_INT8)


def test_what_is_chosen_by_some_photos_is_judged_by_others() -> None:
    judges = {photo.pixels.tobytes() for photo in real_photos(256)}
    assert not judges & {photo.pixels.tobytes() for photo in calibration_photos(256)}


def test_imitating_leaves_the_network_as_it_was() -> None:
    network = Cancelling().eval()
    before = copy.deepcopy(network.state_dict())
    layers_to_keep(Graph(network, HOW, ["embed"]), BF16, [bytes_(0)])
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert not any(module._forward_hooks for module in network.modules())


def test_only_what_the_tasks_need_is_in_the_graph(starter: Predictor) -> None:
    network = copy.deepcopy(starter.engine.network)
    with torch.no_grad():
        found = Graph(network, starter.how, ["detect"])(bytes_(0).repeat(1, 1, 8, 8))
    assert set(found) == {"detect.scores", "detect.sides"}


@pytest.mark.parametrize("part", ["scores", "sides"])
def test_a_photo_without_finite_numbers_does_not_look_empty(part: str) -> None:
    maps = {"scores": torch.full((2, 3, 4, 4), -9.0), "sides": torch.zeros(2, 4, 4, 4)}
    maps[part][1, 0, 0, 0] = torch.nan
    empty, broken = decode_detections(DetectMaps(**maps))
    assert len(empty["scores"]) == 0
    assert not (torch.isfinite(broken["scores"]).all() and torch.isfinite(broken["boxes"]).all())
