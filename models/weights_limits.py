"""What a file of weights may be before it is believed: a regular file of some size that unpacks to no more."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from models.errors import BuilderError, WeightsError

LARGEST = 4_000_000_000
"""Bytes of a file, and of its tensors as float32. The largest of torchvision's published weights take 2.6 GB."""
LONGEST_HEADER = 10_000_000
"""Bytes that name tensors, before their values; a network of 2,000 tensors takes 200 kB."""
WIDENED = 8
"""How many times its size a file may take in memory: numbers of one byte become four, and two names may share one."""

_SLACK = 1_000_000
_ZIP = b"PK\x03\x04"


def check_file(path: Path) -> None:
    """That the file is small enough to be hashed and read. Raises WeightsError, OSError."""
    size = path.stat().st_size
    if not path.is_file():  # a device or a pipe may never end
        raise WeightsError(f"{path} is no regular file; name the file itself")
    if size > LARGEST:
        raise WeightsError(f"{path} has {size:,} bytes; weights of more than {LARGEST:,} are not taken")
    with path.open("rb") as file:
        beginning = file.read(8)
    if path.suffix == ".safetensors" and int.from_bytes(beginning, "little") > min(LONGEST_HEADER, size):
        raise WeightsError(
            f"{path} is not a whole safetensors file, or damaged: its header is longer than any"
        )
    if path.suffix != ".safetensors" and beginning.startswith(_ZIP):
        _check_archive(path, size)


def _check_archive(path: Path, size: int) -> None:
    """torch stores what it saves as it is: a few packed kilobytes that unpack to gigabytes are none of its doing."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise WeightsError(f"{path} is damaged: {error}; fetch the file again") from None
    packed = any(entry.compress_type != zipfile.ZIP_STORED for entry in entries)
    named = sum(entry.file_size for entry in entries if entry.filename.endswith(".pkl"))
    if packed or sum(entry.file_size for entry in entries) > size or named > LONGEST_HEADER:
        raise WeightsError(
            f"{path} unpacks to more than it holds, and is refused; save it by torch.save, or as safetensors"
        )


def check_tensors(path: Path, state: Mapping[str, Tensor]) -> None:
    """That they are plain numbers in memory, and as float32 not many times the file. Raises WeightsError."""
    for name, tensor in state.items():
        plain = tensor.layout is torch.strided and tensor.device.type == "cpu"
        if not plain or tensor.is_quantized or tensor.is_complex():
            raise WeightsError(
                f"{path}: tensor {name} does not hold plain numbers; save the network's float weights"
            )
    needed = sum(tensor.numel() * 4 for tensor in state.values())
    if needed > min(LARGEST, WIDENED * path.stat().st_size + _SLACK):
        raise WeightsError(
            f"{path}: its tensors would take {needed:,} bytes, which the file cannot hold; save contiguous tensors"
        )


def check_network(key: str, make: Callable[[], nn.Module]) -> None:
    """That the network which a spec's own options lead to is no larger. Nothing is filled. Raises BuilderError."""
    with torch.device("meta"):
        values = sum(value.numel() for value in make().state_dict().values())
    if values * 4 > LARGEST:
        raise BuilderError(f"{key}: options.builder makes a network of {values:,} values; make it smaller")
