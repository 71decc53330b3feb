"""Compile a network in a process of its own: what the compiler takes in memory, or dies of, is not the worker's.

Reads a `Request` as JSON from standard input and leaves a package and its verdict in a folder.
"""

from __future__ import annotations

import copy
import statistics
import sys
import time
from contextlib import nullcontext
from pathlib import Path

import torch
from pydantic import BaseModel
from torch import Tensor, nn

from models.compile.engine import PACKAGE, load
from models.compile.enlarging import kernel_kept
from models.compile.fidelity import BOUNDS, BOUNDS_INT8, agreement, real_photos, shortfall
from models.compile.int8 import quantise
from models.compile.precision import CALIBRATED, TYPES, Precision, graph_of, photo_batches, precision
from models.compile.rounding import halve
from models.compile.verdict import Form, Verdict
from models.engine import best_batch
from models.predictor import Predictor, Runs, load_predictors
from models.spec import ModelSpec, Preprocessing

SECONDS = 0.6  # that each form is measured for
TRIAL = "trial.pt2"


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
    best = Verdict(form="eager", milliseconds=measure(plain.engine, plain.how))
    reasons: list[str] = []
    for form in request.forms:
        found = _tried(plain, form, best, request.folder)
        if isinstance(found, str):
            reasons.append(f"{form}: {found}")
            continue
        best = found
        (request.folder / TRIAL).replace(request.folder / PACKAGE)
        if form != "int8":  # that was asked for to be faster than half precision, and is not everywhere
            break
    return best.model_copy(update={"reason": "; ".join(reasons)})


def _tried(plain: Predictor, form: Form, best: Verdict, folder: Path) -> Verdict | str:
    """What is found of a form that is faster than `best` and answers alike, or why it is not taken."""
    how = precision(plain, form)
    if how is None:
        return "too many layers would have to be spared"
    try:
        batch, milliseconds = _fastest(plain, how, folder)
        fast = copy.copy(plain)
        fast.engine = load(folder, plain.engine.network, batch, plain.engine.device, TRIAL)
        seen = agreement(plain, fast, real_photos(plain.how.size))
    except Exception as error:  # noqa: BLE001 - some layers refuse less precision; the next form may do
        return str(error)[:300]
    if best.milliseconds is not None and milliseconds >= best.milliseconds:
        return f"takes {milliseconds:.1f} ms a photo, {best.form} {best.milliseconds:.1f}"
    bounds = BOUNDS_INT8 if form == "int8" else BOUNDS
    if lacking := shortfall(seen, () if form == "fp32" else [spec.task for spec in plain.specs], bounds):
        return lacking
    figures = {"batch": batch, "milliseconds": milliseconds, "agreement": seen}
    return Verdict.model_validate({"form": form, "kept": sorted(how.exact | how.half), **figures})


def _fastest(plain: Predictor, how: Precision, folder: Path) -> tuple[int, float]:
    """Compile for several batch sizes and keep the package that takes least time a photo: (batch, milliseconds)."""
    best: tuple[float, int] | None = None
    device = plain.engine.device
    usual = best_batch(device, plain.how.size)
    for batch in (usual, 2 * usual):
        package(plain, how, batch, folder / TRIAL)
        milliseconds = measure(load(folder, plain.engine.network, batch, device, TRIAL), plain.how)
        if best is None or milliseconds < best[0]:
            best = milliseconds, batch
            (folder / TRIAL).replace(folder / "best.pt2")
    assert best is not None
    (folder / "best.pt2").replace(folder / TRIAL)
    return best[1], best[0]


def package(plain: Predictor, how: Precision, batch: int, path: Path) -> None:
    """Export the network's graph for batches of `batch` photos and compile it into the file `path`."""
    device = plain.engine.device
    graph = graph_of(plain)
    module: nn.Module
    if how.form == "int8":
        module = quantise(
            graph, how.half, how.exact, TYPES[how.form], photo_batches(plain, batch, max(CALIBRATED, batch))
        )
    else:
        graph.dtype = halve(graph.network, TYPES[how.form], how.exact)
        module = graph
    on_cpu = device.type == "cpu"
    with torch.no_grad():
        exported = torch.export.export(module, (example(plain.how, batch, device),), strict=False)
        with kernel_kept(exported) if on_cpu else nullcontext():
            torch._inductor.aoti_compile_and_package(
                exported, package_path=str(path), inductor_configs={"freezing": on_cpu}
            )


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
