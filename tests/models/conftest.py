"""Specs and photos for the tests of `models`: nothing here needs a service or the network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch

from models.decode import Photo
from models.spec import ModelSpec

MakeSpec = Callable[..., ModelSpec]
MakePhoto = Callable[..., Photo]


@pytest.fixture(autouse=True)
def seeded() -> Iterator[None]:
    """The same random weights each time, and one thread: small networks gain nothing from more."""
    before = torch.get_num_threads()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def make_spec() -> MakeSpec:
    """A valid spec; keyword arguments replace fields."""

    def make(**fields: Any) -> ModelSpec:
        plain: dict[str, Any] = {
            "name": "test",
            "version": 1,
            "task": "classify",
            "builder": "torchvision:resnet18",
            "weights": "weights.safetensors",
            "sha256": "0" * 64,
            "labels": ["bag", "coat", "shoe"],
            "preprocessing": {"size": 64},
        }
        return ModelSpec.parse({**plain, **fields})

    return make


@pytest.fixture
def make_photo() -> MakePhoto:
    """A photo of smooth random colours; the same seed gives the same photo."""

    def make(width: int, height: int, seed: int = 0) -> Photo:
        rng = np.random.default_rng(seed)
        rough = torch.from_numpy(rng.random((1, 3, 6, 6), dtype=np.float32) * 255)
        smooth = torch.nn.functional.interpolate(rough, size=(height, width), mode="bilinear")
        return Photo(smooth[0].permute(1, 2, 0).byte().numpy().copy(), width, height)

    return make
