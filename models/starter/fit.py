"""The training loops of the heads, over trunk features that were computed before."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from models.starter.losses import detection_loss, mask_loss
from models.starter.network import Features, StarterNetwork

Store = Mapping[str, npt.NDArray[Any]]
Batch = Mapping[str, Tensor]


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how fast to learn: one cycle of the learning rate over all epochs."""

    epochs: int
    batch: int
    rate: float
    decay: float
    seed: int = 0


def batches(store: Store, size: int, generator: np.random.Generator) -> Iterator[Batch]:
    """The whole store in random order, as float32 tensors (int64 where the store has int64)."""
    count = len(next(iter(store.values())))
    order = generator.permutation(count)
    for start in range(0, count - size + 1, size):
        # Sorted, so that the memory-mapped file is read forwards.
        rows = np.sort(order[start : start + size])
        chosen = {name: torch.from_numpy(np.asarray(values[rows])) for name, values in store.items()}
        yield {name: part if part.dtype == torch.int64 else part.float() for name, part in chosen.items()}


def fit(
    name: str, parts: list[nn.Module], store: Store, loss: Callable[[Batch], Tensor], schedule: Schedule
) -> list[float]:
    """Train `parts` on the store; returns the mean loss of each epoch and prints progress."""
    torch.manual_seed(schedule.seed)
    generator = np.random.default_rng(schedule.seed)
    parameters = [parameter for part in parts for parameter in part.parameters()]
    steps = len(next(iter(store.values()))) // schedule.batch
    optimiser = torch.optim.AdamW(parameters, lr=schedule.rate, weight_decay=schedule.decay)
    cycle = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, schedule.rate, total_steps=steps * schedule.epochs, pct_start=0.15
    )
    for part in parts:
        part.train()
    started, means = time.monotonic(), []
    for epoch in range(1, schedule.epochs + 1):
        total = torch.zeros(())
        for batch in batches(store, schedule.batch, generator):
            value = loss(batch)
            optimiser.zero_grad(set_to_none=True)
            value.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(parameters, 5.0)
            optimiser.step()
            cycle.step()
            total += value.detach()
        means.append(float(total) / steps)
        spent = time.monotonic() - started
        left = spent / epoch * (schedule.epochs - epoch)
        print(
            f"  {name}: epoch {epoch}/{schedule.epochs}, loss {means[-1]:.4f}, {left:.0f} s left", flush=True
        )
    for part in parts:
        part.eval()
    return means


def fit_classify(network: StarterNetwork, store: Store, schedule: Schedule) -> list[float]:
    """Train the product-type head on features of single products."""
    entropy = nn.CrossEntropyLoss(label_smoothing=0.05, ignore_index=-1)

    def loss(batch: Batch) -> Tensor:
        value: Tensor = entropy(network.classify(batch["stride8"], batch["stride16"]), batch["label"])
        return value

    return fit("product type", [network.classify], store, loss, schedule)


def fit_shelf(network: StarterNetwork, store: Store, schedule: Schedule) -> list[float]:
    """Train the pyramid, the detector and the mask on features of shelf photos."""
    # Few cells hold a product, so the scores start low (arXiv 1708.02002, section 4.1).
    nn.init.constant_(network.detect.scores.bias, -4.0)  # type: ignore[arg-type]

    def loss(batch: Batch) -> Tensor:
        features = Features(batch["stride4"], batch["stride8"], batch["stride16"], batch["stride32"])
        detect, segment = network.shelf_maps(features)
        share = batch["cover"] / 16
        return detection_loss(detect, batch["boxes"], batch["labels"]) + 2 * mask_loss(segment, share)

    return fit("shelf", [network.pyramid, network.detect, network.segment], store, loss, schedule)
