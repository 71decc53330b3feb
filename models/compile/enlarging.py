"""Bilinear enlarging by PyTorch's own kernel: what the compiler generates for it takes ten times as long on a CPU.

Of U²-Net-p's time at 320 px that was a fifth.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import fx
from torch._inductor import decomposition, lowering
from torch.export import ExportedProgram

aten = torch.ops.aten
AS_ASKED = aten.upsample_bilinear2d.vec  # what F.interpolate calls: a size, or factors
KERNEL = aten.upsample_bilinear2d.default


@contextmanager
def kernel_kept(exported: ExportedProgram) -> Iterator[None]:
    """Within this block the compiler calls the kernel wherever `exported` enlarges."""
    for node in exported.graph.nodes:
        if node.target is AS_ASKED:
            _call_kernel(node)
    exported.graph_module.recompile()
    if KERNEL not in lowering.lowerings:
        lowering.make_fallback(KERNEL, warn=False)  # type: ignore[no-untyped-call]
    in_python = dict(KERNEL.py_kernels)  # tracing would take the operation apart by these
    known = decomposition.decompositions.pop(KERNEL, None)
    KERNEL.py_kernels.clear()
    KERNEL._dispatch_cache.clear()
    try:
        yield
    finally:
        KERNEL.py_kernels.update(in_python)
        KERNEL._dispatch_cache.clear()
        if known is not None:
            decomposition.decompositions[KERNEL] = known


def _call_kernel(node: fx.Node) -> None:
    given, size, align_corners, factors = (*node.args, None, None)[:4]
    size = list(node.meta["val"].shape[-2:]) if size is None else size
    node.target = KERNEL
    node.args = (given, size, align_corners, *(factors or ()))  # type: ignore[misc]
