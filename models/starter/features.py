"""Trunk features of many training photos, computed once by a few processes and kept in memory-mapped files."""

from __future__ import annotations

import copy
import multiprocessing
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from models.starter.data import ProductPhotos
from models.starter.import_trunk import load_trunk
from models.starter.listing import camera, letterbox, listing_photo
from models.starter.network import EMBEDDING_WIDTH, INPUT_SIZE, TAPS, Features, Trunk
from models.starter.shelf import ShelfPhoto, ShelfStyle, compose

Network = TypeVar("Network", bound=nn.Module)
Store = Mapping[str, npt.NDArray[Any]]
Kind = Literal["products", "shelf"]
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
MOST_PRODUCTS = 8
BATCH = 8
# Smaller than the demo's photos: they are brought to 256 pixels all the same, and compose faster.
TRAINING_SHELF = ShelfStyle(sides=(256, 480), products=(1, 7), scale=(0.16, 0.6), cards=0.12, noise=14.0)

FIELDS: Mapping[Kind, Mapping[str, tuple[tuple[int, ...], str]]] = {
    "products": {
        "stride8": ((32, 32, 32), "float16"),
        "stride16": ((96, 16, 16), "float16"),
        "label": ((), "int64"),
    },
    "shelf": {
        "stride4": ((24, 64, 64), "float16"),
        "stride8": ((32, 32, 32), "float16"),
        "stride16": ((96, 16, 16), "float16"),
        "stride32": ((EMBEDDING_WIDTH, 8, 8), "float16"),
        "boxes": ((MOST_PRODUCTS, 4), "float32"),
        "labels": ((MOST_PRODUCTS,), "int64"),
        "cover": ((64, 64), "uint8"),  # pixels of each 4 x 4 cell that are product, 0 to 16
    },
}


@dataclass(frozen=True, slots=True)
class Plan:
    """What to compute: `count` photos of one kind from `source`, with the trunk of `trunk`, into `folder`."""

    kind: Kind
    count: int
    seed: int
    trunk: Path
    folder: Path
    source: ProductPhotos


def folded(network: Network) -> Network:
    """A copy with batch norms folded into the convolutions and channels last: twice as fast on a CPU."""
    network = copy.deepcopy(network).eval()
    for sequence in [module for module in network.modules() if isinstance(module, nn.Sequential)]:
        for first, second in pairwise(list(sequence._modules)):
            convolution, norm = sequence._modules[first], sequence._modules[second]
            if isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                sequence._modules[first] = fuse_conv_bn_eval(convolution, norm)
                sequence._modules[second] = nn.Identity()
    return network.to(memory_format=torch.channels_last)


class Shallow(nn.Module):
    """The first blocks of a trunk: (stride 8, stride 16), all that the product-type head reads."""

    def __init__(self, trunk: Trunk) -> None:
        super().__init__()
        self.fine, self.middle = trunk.features[: TAPS[1] + 1], trunk.features[TAPS[1] + 1 : TAPS[2] + 1]

    def forward(self, batch: Tensor) -> tuple[Tensor, Tensor]:
        fine = self.fine(batch)
        return fine, self.middle(fine)


def normalised(pixels: npt.NDArray[np.uint8]) -> Tensor:
    """uint8 (n, h, w, 3) to float32 (n, 3, h, w), channels last."""
    batch = torch.from_numpy(pixels).permute(0, 3, 1, 2).float().div_(255)
    mean, std = torch.tensor(MEAN).view(1, 3, 1, 1), torch.tensor(STD).view(1, 3, 1, 1)
    return batch.sub_(mean).div_(std)


def training_photo(plan: Plan, index: int) -> ShelfPhoto:
    """Photo number `index` of the plan, 256 x 256; depends on the seed and the number alone."""
    rng = np.random.default_rng((plan.seed, index))
    photos, labels = plan.source
    if plan.kind == "products" or rng.random() < 0.2:
        item = index % len(photos) if plan.kind == "products" else int(rng.integers(len(photos)))
        photo = listing_photo(photos[item], int(labels[item]), rng)
    else:
        photo = compose(photos, labels, int(rng.integers(2**31)), TRAINING_SHELF)
    flawed = ShelfPhoto(camera(photo.pixels, rng), photo.boxes, photo.labels, photo.mask)
    return letterbox(flawed, INPUT_SIZE, rng)


def open_store(plan: Plan, mode: Literal["r", "r+", "w+"] = "r") -> dict[str, npt.NDArray[Any]]:
    """The plan's arrays by field, (count, ...) each."""
    store: dict[str, npt.NDArray[Any]] = {}
    for name, (shape, dtype) in FIELDS[plan.kind].items():
        path = plan.folder / f"{plan.kind}-{name}.bin"
        store[name] = np.memmap(path, dtype=dtype, mode=mode, shape=(plan.count, *shape))
    return store


def compute(plan: Plan, processes: int) -> dict[str, npt.NDArray[Any]]:
    """All features of the plan, by `processes` processes of one thread each; prints progress."""
    plan.folder.mkdir(parents=True, exist_ok=True)
    open_store(plan, "w+")
    context = multiprocessing.get_context("spawn")
    done = context.Value("q", 0)
    # glibc returns every large buffer to the kernel; keeping them saves a quarter of the time.
    os.environ.setdefault("MALLOC_TRIM_THRESHOLD_", str(2**32))
    os.environ.setdefault("MALLOC_MMAP_THRESHOLD_", str(2**32))
    workers = [
        context.Process(target=_work, args=(plan, part, processes, done), daemon=True)
        for part in range(processes)
    ]
    started = time.monotonic()
    for worker in workers:
        worker.start()
    while any(worker.is_alive() for worker in workers):
        workers[0].join(20)
        rate = done.value / (time.monotonic() - started)
        left = (plan.count - done.value) / max(rate, 0.1)
        print(f"  {plan.kind}: {done.value}/{plan.count} photos, {rate:.0f}/s, {left:.0f} s left", flush=True)
    if any(worker.exitcode for worker in workers):
        raise RuntimeError("a process that computed features failed; its message is above")
    return open_store(plan)


def _work(plan: Plan, part: int, parts: int, done: Any) -> None:
    torch.set_num_threads(1)
    trunk, store = folded(load_trunk(plan.trunk)), open_store(plan, "r+")
    shallow = Shallow(trunk)
    starts = range(part * BATCH, plan.count, parts * BATCH)
    with torch.inference_mode():
        for start in starts:
            indices = range(start, min(start + BATCH, plan.count))
            photos = [training_photo(plan, index) for index in indices]
            batch = normalised(np.stack([photo.pixels for photo in photos]))
            rows = np.s_[start : start + len(photos)]
            if plan.kind == "products":
                _save_products(store, rows, photos, shallow(batch))
            else:
                _save_shelf(store, rows, photos, trunk(batch))
            with done.get_lock():
                done.value += len(photos)


def _save_products(
    store: Store, rows: slice, photos: Sequence[ShelfPhoto], taps: tuple[Tensor, Tensor]
) -> None:
    for name, tensor in zip(("stride8", "stride16"), taps, strict=True):
        store[name][rows] = tensor.half().numpy()
    store["label"][rows] = [photo.labels[0] if len(photo.labels) else -1 for photo in photos]


def _save_shelf(store: Store, rows: slice, photos: Sequence[ShelfPhoto], taps: Features) -> None:
    for name, tensor in taps._asdict().items():
        store[name][rows] = tensor.half().numpy()
    for row, photo in zip(range(rows.start, rows.stop), photos, strict=True):
        count = min(len(photo.labels), MOST_PRODUCTS)
        store["labels"][row] = -1
        store["labels"][row, :count] = photo.labels[:count]
        store["boxes"][row, :count] = photo.boxes[:count]
        cells = (photo.mask > 0).reshape(64, 4, 64, 4)
        store["cover"][row] = cells.sum(axis=(1, 3))
