"""Enlarging goes to PyTorch's kernel, with the numbers and the graph that the compiler would have had without it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.compile import compiler
from models.compile.enlarging import AS_ASKED, KERNEL, kernel_kept

pytestmark = pytest.mark.skipif(bool(compiler._no_compiler()), reason=compiler._no_compiler())


class Enlarges(nn.Module):
    def __init__(self, how: dict[str, Any]) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 1)
        self.how = how

    def forward(self, batch: Tensor) -> Tensor:
        return F.interpolate(self.conv(batch), mode="bilinear", **self.how)


@pytest.mark.parametrize(
    "how",
    [
        {"size": (13, 9), "align_corners": False},
        {"size": (12, 12), "align_corners": True},
        {
            "scale_factor": 2.5,
            "align_corners": False,
        },  # 7 becomes 17: the factor is not the ratio of the sizes
    ],
    ids=["size", "corners", "factor"],
)
def test_numbers_are_those_of_the_plain_form(how: dict[str, Any], tmp_path: Path) -> None:
    module = Enlarges(how).eval()
    batch = torch.rand(2, 3, 7, 7)
    with torch.no_grad():
        exported = torch.export.export(module, (batch,), strict=False)
        with kernel_kept(exported):
            path = torch._inductor.aoti_compile_and_package(exported, package_path=str(tmp_path / "x.pt2"))
        found = torch._inductor.aoti_load_package(path)(batch)
        assert torch.allclose(found, module(batch), atol=1e-5)


def test_outside_nothing_is_changed() -> None:
    before = dict(KERNEL.py_kernels)
    exported = torch.export.export(Enlarges({"size": (8, 8)}), (torch.rand(1, 3, 4, 4),), strict=False)
    assert AS_ASKED in {node.target for node in exported.graph.nodes}
    with kernel_kept(exported):
        assert KERNEL in {node.target for node in exported.graph.nodes}
        assert not KERNEL.py_kernels
    assert KERNEL.py_kernels == before
