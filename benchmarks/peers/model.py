"""The classifier, with the same weights in all peers: `product-type` of the starter pack."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch._inductor.config
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmarks.limit import predictor
from benchmarks.peers.common import TOP, Row
from benchmarks.peers.photos import SIZE
from models.builders import make_draft
from models.spec import IMAGENET_MEAN, IMAGENET_STD
from models.starter.data import LABELS
from models.starter.network import TAPS, StarterNetwork
from models.starter.pack import starter_specs
from models.weights import fill, read_state
from workers.settings import settings


class Classifier(nn.Module):
    """Trunk, as far as the head looks, and head: (N, 3, 256, 256) float to (N, 10) logits."""

    def __init__(self, network: StarterNetwork) -> None:
        super().__init__()
        fine, coarse = TAPS[1] + 1, TAPS[2] + 1
        self.fine = network.trunk.features[:fine]
        self.coarse = network.trunk.features[fine:coarse]
        self.head = network.classify

    def forward(self, batch: Tensor) -> Tensor:
        stride8 = self.fine(batch)
        logits: Tensor = self.head(stride8, self.coarse(stride8))
        return logits


class FromPixels(nn.Module):
    """(N, 256, 256, 3) uint8 to (N, 10) float32 logits, in bfloat16 and channels last on the way."""

    def __init__(self, classifier: Classifier) -> None:
        super().__init__()
        self.classifier = classifier.to(dtype=torch.bfloat16, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(3, 1, 1) * 255)
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(3, 1, 1) * 255)

    def forward(self, pixels: Tensor) -> Tensor:
        values = (pixels.permute(0, 3, 1, 2).float() - self.mean) / self.std
        logits: Tensor = self.classifier(values.to(torch.bfloat16)).float()
        return logits


class EagerModel:
    """As most people run a model: float32, channels first."""

    def __init__(self) -> None:
        self._network = load()
        self(torch.zeros(1, 3, SIZE, SIZE))

    def __call__(self, batch: Tensor) -> Tensor:
        """(N, 3, 256, 256) normalised to (N, 10) logits."""
        with torch.inference_mode():
            logits: Tensor = self._network(batch)
        return logits


class CompiledModel:
    """Compiled for one batch size, with one thread and frozen weights."""

    def __init__(self, batch: int) -> None:
        torch.set_num_threads(1)
        torch._inductor.config.freezing = True
        torch._inductor.config.compile_threads = 1  # no helper processes that outlive the run
        self._batch = batch
        self._network = torch.compile(FromPixels(load()).eval(), dynamic=False)
        self(np.zeros((batch, SIZE, SIZE, 3), dtype=np.uint8))

    def __call__(self, pixels: NDArray[np.uint8] | Sequence[NDArray[np.uint8]]) -> Tensor:
        """Any number of uint8 (256, 256, 3) to (N, 10) logits."""
        parts = [self._one(pixels[k : k + self._batch]) for k in range(0, len(pixels), self._batch)]
        return torch.cat(parts)

    def _one(self, pixels: NDArray[np.uint8] | Sequence[NDArray[np.uint8]]) -> Tensor:
        padded = torch.zeros((self._batch, SIZE, SIZE, 3), dtype=torch.uint8)
        np.stack(pixels, out=padded.numpy()[: len(pixels)])
        with torch.no_grad():
            logits: Tensor = self._network(padded)
        return logits[: len(pixels)]


class SharedModel:
    """The very package that Tagmill's workers run, compiled before the clock starts, with one thread.

    It takes photos by fours, so it is for peers that gather some.
    """

    def __init__(self) -> None:
        torch.set_num_threads(1)
        self._engine = predictor(settings(), ("classify",)).engine
        self(np.zeros((self._engine.batch_size, SIZE, SIZE, 3), dtype=np.uint8))

    def __call__(self, pixels: NDArray[np.uint8] | Sequence[NDArray[np.uint8]]) -> Tensor:
        """Any number of uint8 (256, 256, 3) to (N, 10) logits."""
        together = pixels if isinstance(pixels, np.ndarray) else np.stack(pixels)
        logits: Tensor = self._engine.run(torch.from_numpy(together).permute(0, 3, 1, 2))["classify"]
        return logits


def load() -> Classifier:
    """The classifier with its weights, in eval mode."""
    spec = next(spec for spec in starter_specs() if spec.name == "product-type")
    draft = make_draft([spec])
    fill(draft, read_state(Path(spec.weights), spec.sha256), spec.name)
    network = draft.finish()
    assert isinstance(network, StarterNetwork)
    return Classifier(network).eval()


def rows(keys: Sequence[str], logits: Tensor) -> list[Row]:
    """The best five labels of each photo."""
    scores, indices = logits.softmax(dim=1).topk(TOP, dim=1)
    return [
        (key, rank, LABELS[index], score)
        for key, best, places in zip(keys, scores.tolist(), indices.tolist(), strict=True)
        for rank, (index, score) in enumerate(zip(places, best, strict=True), start=1)
    ]
