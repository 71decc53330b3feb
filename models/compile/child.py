"""Compile a network in a process of its own: what the compiler takes in memory, or dies of, is not the worker's.

Reads a `Request` as JSON from standard input and leaves a package and its verdict in a folder.
"""

from __future__ import annotations

import copy
import statistics
import sys
import time
from collections.abc import Collection
from pathlib import Path

import torch
from pydantic import BaseModel
from torch import Tensor

from models.compile.engine import PACKAGE, load
from models.compile.fidelity import LARGE, agreement, real_photos, shortfall
from models.compile.graph import Graph
from models.compile.rounding import halve, layers_to_keep
from models.compile.verdict import Form, Verdict
from models.engine import best_batch
from models.errors import UnusableOutput
from models.geometry import place
from models.predictions import Task
from models.predictor import Predictor, Runs, load_predictors
from models.preprocess import make_batch
from models.spec import ModelSpec, Preprocessing

TYPES: dict[Form, torch.dtype] = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}
SECONDS = 0.6  # that each form is measured for
TRIED, TRIED_LARGE = 32, 8  # photos that tell which layers may be rounded


class Request(BaseModel):
    """What to compile: specs that share one network, forms from the fastest to the surest, and where to leave it."""

    specs: list[ModelSpec]
    weights: dict[str, Path]
    device: str
    threads: int
    forms: list[Form]
    folder: Path


def compile_network(request: Request) -> Verdict:
    """The verdict; with a compiled form its package is in the folder. Raises what the compiler raises."""
    torch.set_num_threads(request.threads)
    (plain,) = load_predictors(request.specs, request.weights, request.device)
    eager = measure(plain.engine, plain.how)
    reason = ""
    for form in request.forms:
        kept = _kept(plain, TYPES[form])
        if kept is None:
            reason = f"{form}: too many layers would have to stay in float32"
            continue
        try:
            batch, milliseconds = _fastest(plain, TYPES[form], kept, request.folder)
        except Exception as error:  # noqa: BLE001 - some layers refuse half precision; the next form may do
            reason = f"{form}: {error}"[:300]
            continue
        fast = copy.copy(plain)
        fast.engine = load(request.folder, plain.engine.network, batch, plain.engine.device)
        try:
            seen = agreement(plain, fast, real_photos(plain.how.size))
        except UnusableOutput as error:
            reason = f"{form}: {error}"
            continue
        figures = {"milliseconds": milliseconds, "agreement": seen, "kept": sorted(kept)}
        if milliseconds >= eager:
            reason = f"{form} takes {milliseconds:.1f} ms a photo, eager {eager:.1f}"
        elif lacking := shortfall(seen, [] if form == "fp32" else _tasks(plain)):
            reason = f"{form}: {lacking}"
        else:
            return Verdict.model_validate({"form": form, "batch": batch, "reason": reason, **figures})
    return Verdict(form="eager", milliseconds=eager, reason=reason)


def _kept(plain: Predictor, dtype: torch.dtype) -> frozenset[str] | None:
    """Layers that must stay in float32; None where they are too many."""
    if dtype is torch.float32:
        return frozenset()
    photos = real_photos(plain.how.size)
    few = TRIED if plain.how.size <= LARGE else TRIED_LARGE
    size = few // 4
    some = [photos[k : k + size] for k in range(0, len(photos), size * max(1, len(photos) // few))]
    batches = [
        make_batch(part, [place(one.width, one.height, plain.how) for one in part], plain.how)
        for part in some
    ]
    graph = Graph(copy.deepcopy(plain.engine.network), plain.how, _tasks(plain))
    return layers_to_keep(graph, dtype, [batch.to(plain.engine.device) for batch in batches])


def _fastest(plain: Predictor, dtype: torch.dtype, kept: Collection[str], folder: Path) -> tuple[int, float]:
    """Compile for several batch sizes and keep the package that takes least time a photo: (batch, milliseconds)."""
    best: tuple[float, int] | None = None
    device = plain.engine.device
    usual = best_batch(device, plain.how.size)
    for batch in (usual, 2 * usual):
        package(plain, dtype, kept, batch, folder / PACKAGE)
        milliseconds = measure(load(folder, plain.engine.network, batch, device), plain.how)
        if best is None or milliseconds < best[0]:
            best = milliseconds, batch
            (folder / PACKAGE).replace(folder / "best.pt2")
    assert best is not None
    (folder / "best.pt2").replace(folder / PACKAGE)
    return best[1], best[0]


def package(plain: Predictor, dtype: torch.dtype, kept: Collection[str], batch: int, path: Path) -> None:
    """Export the network's graph for batches of `batch` photos and compile it into the file `path`."""
    device = plain.engine.device
    network = copy.deepcopy(plain.engine.network)
    graph = Graph(network, plain.how, _tasks(plain), halve(network, dtype, kept))
    with torch.no_grad():
        exported = torch.export.export(graph, (example(plain.how, batch, device),), strict=False)
        torch._inductor.aoti_compile_and_package(
            exported, package_path=str(path), inductor_configs={"freezing": device.type == "cpu"}
        )


def _tasks(plain: Predictor) -> list[Task]:
    return [spec.task for spec in plain.specs]


def example(how: Preprocessing, batch: int, device: torch.device) -> Tensor:
    """Noise as a batch of photos: uint8 (batch, 3, size, size), channels last."""
    noise = torch.randint(
        0, 256, (batch, 3, how.size, how.size), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    return noise.contiguous(memory_format=torch.channels_last).to(device)


def measure(engine: Runs, how: Preprocessing) -> float:
    """Milliseconds a photo in batches that suit the engine: the median of the calls of some time."""
    batch = example(how, engine.batch_size, torch.device("cpu"))
    engine.run(batch)
    seconds: list[float] = []
    until = time.perf_counter() + SECONDS
    while len(seconds) < 3 or time.perf_counter() < until:
        started = time.perf_counter()
        engine.run(batch)
        seconds.append(time.perf_counter() - started)
    return 1000 * statistics.median(seconds) / engine.batch_size


def main() -> None:
    request = Request.model_validate_json(sys.stdin.read())
    compile_network(request).write(request.folder)


if __name__ == "__main__":
    main()
