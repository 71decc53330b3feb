"""What a person is asked to label next: unsure, unlike each other, and worth more than chance."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from models.starter.data import DEBIAN_FOLDER, FOLDER_VARIABLE, ProductPhotos, has_files, load_folder
from models.training.suggest import Floats, Indices, suggest, uncertainty


def scores_of(*best_two: tuple[float, float]) -> Floats:
    """Scores over four labels, of which two matter."""
    return np.array([(0.0, second, best, 0.0) for best, second in best_two], dtype=np.float32)


def chance(seed: int, photos: int, labels: int = 5, width: int = 8) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(seed)
    scores = rng.dirichlet(np.ones(labels), photos).astype(np.float32)
    return scores, rng.normal(size=(photos, width)).astype(np.float32)


def test_uncertainty_is_how_close_the_two_best_labels_are() -> None:
    found = uncertainty(scores_of((1, 0), (0.5, 0.5), (0.6, 0.3)))
    assert found.tolist() == pytest.approx([0, 1, 0.7])


def test_of_a_single_label_low_scores_are_unsure() -> None:
    assert uncertainty(np.array([[0.9], [0.2]], np.float32)).tolist() == pytest.approx([0.1, 0.8])


@given(st.integers(0, 2**32), st.integers(1, 60), st.integers(1, 20), st.integers(1, 10))
def test_as_many_as_asked_for_each_once_the_most_uncertain_first(
    seed: int, photos: int, count: int, among: int
) -> None:
    scores, vectors = chance(seed, photos)
    chosen = suggest(scores, vectors, count, among=among)
    assert len(chosen) == len(set(chosen.tolist())) == min(count, photos)
    unsure = uncertainty(scores)
    assert (np.diff(unsure[chosen]) <= 0).all()
    assert unsure[chosen].min() >= np.sort(unsure)[::-1][: among * count].min()


@settings(derandomize=True)  # sums in another order may, very rarely, end a tie the other way
@given(st.integers(0, 2**32), st.integers(0, 2**32))
def test_the_order_of_the_photos_and_the_length_of_vectors_make_no_difference(seed: int, order: int) -> None:
    scores, vectors = chance(seed, 40)
    mixed = np.random.default_rng(order).permutation(40)
    lengths = np.random.default_rng(order).choice([0.25, 1, 4], (40, 1)).astype(np.float32)
    chosen = suggest(scores, vectors, 6)
    assert mixed[suggest(scores[mixed], (vectors * lengths)[mixed], 6)].tolist() == chosen.tolist()


def test_one_of_each_kind_where_a_ranking_would_take_one_kind_alone() -> None:
    """Forty photos of one kind are a little less sure than ten of each of three others."""
    kinds = np.repeat([0, 1, 2, 3], [40, 10, 10, 10])
    vectors = np.eye(4, dtype=np.float32)[kinds]
    vectors += np.random.default_rng(0).normal(0, 0.01, vectors.shape).astype(np.float32)
    scores = scores_of(*((0.5, 0.49) if kind == 0 else (0.5, 0.45) for kind in kinds))
    assert set(kinds[np.argsort(-uncertainty(scores))[:4]].tolist()) == {0}
    assert set(kinds[suggest(scores, vectors, 4, among=20)].tolist()) == {0, 1, 2, 3}


def test_what_the_model_is_sure_of_is_not_asked_for() -> None:
    scores = scores_of(*[(0.99, 0.0)] * 100, *[(0.5, 0.4)] * 40)
    vectors = chance(0, 140)[1]
    assert suggest(scores, vectors, 4).min() >= 100


@pytest.mark.parametrize(
    "vectors", [np.zeros((50, 4), np.float32), np.ones((50, 4), np.float32)], ids=["zeros", "all alike"]
)
def test_photos_that_all_look_alike_are_each_suggested_once(vectors: Floats) -> None:
    chosen = suggest(scores_of(*[(1.0, 0.0)] * 50), vectors, 5)
    assert len(set(chosen.tolist())) == 5


def test_of_no_photos_none() -> None:
    assert suggest(np.zeros((0, 3), np.float32), np.zeros((0, 4), np.float32), 5).tolist() == []


Chooser = Callable[[Floats, Floats, int, np.random.Generator], Indices]
SEEDS, START, STEP, ROUNDS = range(6), 50, 50, 5
POOL, MEASURED = 3_000, 4_000
MARGIN = 0.005
"""In accuracy. With other seeds and pools than those here the gain was 0.016 to 0.035 after five rounds."""


def fashion_mnist() -> tuple[ProductPhotos, ProductPhotos]:
    folder = Path(os.environ.get(FOLDER_VARIABLE) or DEBIAN_FOLDER)
    if not (has_files(folder, "train") and has_files(folder, "test")):
        pytest.skip(f"no Fashion-MNIST in {folder}; install dataset-fashion-mnist, or set {FOLDER_VARIABLE}")
    return load_folder(folder, "train"), load_folder(folder, "test")


def pixels(photos: npt.NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(photos.reshape(len(photos), -1).astype(np.float32) / 255)


def learn(photos: Tensor, labels: Tensor) -> nn.Linear:
    """Logistic regression: no chance in it, and the best there is under its own loss."""
    head = nn.Linear(photos.shape[1], 10)
    nn.init.zeros_(head.weight)
    nn.init.zeros_(head.bias)
    optimiser = torch.optim.LBFGS(head.parameters(), max_iter=60, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimiser.zero_grad()
        found = nn.functional.cross_entropy(head(photos), labels) + 0.005 * head.weight.square().sum()
        found.backward()  # type: ignore[no-untyped-call]
        return found

    optimiser.step(loss)  # type: ignore[no-untyped-call]
    return head


def accuracies(
    choose: Chooser, seed: int, pool: tuple[Tensor, Tensor], measured: tuple[Tensor, Tensor]
) -> list[float]:
    """On photos apart, after each round of labels that were asked for."""
    rng = np.random.default_rng(seed)
    known = rng.permutation(POOL)[:START]
    found = []
    for _ in range(ROUNDS):
        head = learn(pool[0][known], pool[1][known])
        left = np.setdiff1d(np.arange(POOL), known)
        with torch.inference_mode():
            scores = head(pool[0][left]).softmax(dim=1).numpy()
        chosen = choose(scores, pool[0][left].numpy(), STEP, rng)
        known = np.concatenate([known, left[chosen]])
        head = learn(pool[0][known], pool[1][known])
        with torch.inference_mode():
            found.append((head(measured[0]).argmax(dim=1) == measured[1]).float().mean().item())
    assert len(set(known.tolist())) == START + ROUNDS * STEP
    return found


def test_at_the_same_number_of_labels_suggestions_teach_more_than_chance() -> None:
    """Fashion-MNIST from 50 labels to 300: pool and figures are real photos that never meet."""
    train, test = fashion_mnist()
    pool = pixels(train.photos[:POOL]), torch.from_numpy(train.labels[:POOL])
    measured = pixels(test.photos[:MEASURED]), torch.from_numpy(test.labels[:MEASURED])
    ours = [
        accuracies(lambda scores, vectors, count, _: suggest(scores, vectors, count), seed, pool, measured)
        for seed in SEEDS
    ]
    by_chance = [
        accuracies(
            lambda scores, _, count, rng: rng.choice(len(scores), count, replace=False), seed, pool, measured
        )
        for seed in SEEDS
    ]
    gains = np.mean(ours, axis=0) - np.mean(by_chance, axis=0)
    assert gains[-1] >= MARGIN, gains
    assert gains.mean() >= MARGIN, gains
