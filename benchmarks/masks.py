"""The fine mask, U²-Net-p at 320 px: the form that Tagmill runs against the plain module compiled in bf16.

One thread, one process; both are measured in turns. The agreement is the mean IoU with the float32 form's masks.
"""

from __future__ import annotations

import copy
import statistics
import tempfile
from pathlib import Path

import torch

from benchmarks.rows import Row, run
from benchmarks.throughput import HOME
from models.compile import Compiler
from models.compile.child import example
from models.compile.child import measure as milliseconds
from models.compile.engine import PACKAGE, load
from models.compile.fidelity import agreement, real_photos
from models.compile.precision import graph_of
from models.compile.rounding import halve
from models.predictor import Predictor, load_predictors
from models.starter.pack import starter_specs


def measure(quick: bool) -> list[Row]:
    torch.set_num_threads(1)
    specs = [spec for spec in starter_specs() if spec.builder == "tagmill:u2netp"]
    weights = {spec.weights: Path(spec.weights) for spec in specs}
    (exact,) = load_predictors(specs, weights)
    ours = copy.copy(exact)
    verdict = Compiler(HOME.absolute() / "cache" / "compiled").speed_up(ours, weights)
    plain = _plain(exact)
    rounds = [
        (milliseconds(plain.engine, exact.how), milliseconds(ours.engine, exact.how))
        for _ in range(3 if quick else 9)
    ]
    photos = real_photos(exact.how.size)[:: 4 if quick else 1]
    agreements = [agreement(exact, one, photos)["mask_iou"] for one in (plain, ours)]
    ratio = statistics.median(slow / fast for slow, fast in rounds)
    told = f"{verdict.form}, {len(verdict.kept)} layers in float32; {verdict.reason}".rstrip("; ")
    return [
        Row("fine mask ÷ plain compiled bf16", ratio, "×", 2.0, at_least=True, note=told),
        Row(
            "fine mask, time a photo",
            statistics.median(fast for _, fast in rounds),
            "ms",
            None,
            at_least=False,
        ),
        Row("fine mask, IoU with float32", agreements[1], "", 0.99, at_least=True),
        Row("plain compiled bf16, IoU with float32", agreements[0], "", None, at_least=True),
    ]


def _plain(exact: Predictor) -> Predictor:
    """All in bf16, a photo a call, compiled as PyTorch's documentation shows it."""
    device = exact.engine.device
    graph = graph_of(exact)
    graph.dtype = halve(graph.network, torch.bfloat16, ())
    with tempfile.TemporaryDirectory() as folder, torch.no_grad():
        exported = torch.export.export(graph, (example(exact.how, 1, device),), strict=False)
        torch._inductor.aoti_compile_and_package(
            exported, package_path=str(Path(folder) / PACKAGE), inductor_configs={"freezing": True}
        )
        plain = copy.copy(exact)
        plain.engine = load(Path(folder), exact.engine.network, 1, device)
    return plain


if __name__ == "__main__":
    run(__doc__, measure)
