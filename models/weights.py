"""Weights from files into networks: size and hash checked, no pickled code, plain sentences where they do not fit."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from models.digest import sha256_of
from models.draft import Draft
from models.errors import WeightsError
from models.weights_limits import check_file, check_tensors

NAMED = 3
"""How many tensors an error names."""

# What trainers wrap a state dict in, and what wrappers put before its names.
_WRAPPINGS = ("state_dict", "model_state_dict", "model")
_PREFIXES = ("module.", "_orig_mod.")
_COUNTER = "num_batches_tracked"


def read_state(path: Path, sha256: str | None) -> dict[str, Tensor]:
    """The tensors of a `.safetensors`, `.pt` or `.pth` file on the CPU; floating point becomes float32.

    Raises:
        WeightsError: no such file, too large a one, another hash than `sha256`, not a file of tensors, more of them
        than it holds, or values that are not finite.
    """
    try:
        check_file(path)
        actual = sha256_of(path)
    except OSError as error:
        raise WeightsError(f"cannot read the weights {path}: {error.strerror or error}") from None
    if sha256 is not None and actual != sha256:
        raise WeightsError(f"{path} has SHA-256 {actual}, but the spec says {sha256}: fetch the file again")
    if path.suffix == ".safetensors":
        state = _read_safetensors(path)
    elif path.suffix in (".pt", ".pth"):
        state = _read_torch(path)
    else:
        raise WeightsError(
            f"{path}: weights are .safetensors, .pt or .pth files, not {path.suffix or 'unnamed'}"
        )
    check_tensors(path, state)
    return {name: _widened(path, name, tensor) for name, tensor in state.items()}


def fill(draft: Draft, state: Mapping[str, Tensor], source: str) -> None:
    """Copy the tensors into the draft's core.

    Raises:
        WeightsError: names or shapes differ; the sentence shows the first that do and says what to check.
    """
    own = draft.core.state_dict()
    given = {name: value for name, value in state.items() if name in own or not _is_spare(draft, name)}
    # A layer that will not be used may have another shape.
    given = {n: v for n, v in given.items() if not (_is_spare(draft, n) and v.shape != own[n].shape)}
    missing = [name for name in own if name not in given and not _is_spare(draft, name)]
    unexpected = [name for name in given if name not in own]
    misshapen = [name for name in given if name in own and given[name].shape != own[name].shape]
    complaints = [
        _complaint("missing", missing),
        _complaint("unexpected", unexpected),
        *(
            f"{name} has shape {tuple(given[name].shape)}, the network needs {tuple(own[name].shape)}"
            for name in misshapen[:NAMED]
        ),
    ]
    if found := [one for one in complaints if one]:
        raise WeightsError(
            f"{source} does not fit the network: {'; '.join(found)}. "
            "Check builder, number of labels and options (num_classes, encoder) in the spec"
        )
    pour(draft.core, given)


def pour(core: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Copy tensors in by their names; what is not named stays as it is."""
    state = core.state_dict()  # it carries versions that some modules ask for
    state.update(tensors)
    core.load_state_dict(state)


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (
        SafetensorError,
        OSError,
        ValueError,
        KeyError,
    ) as error:  # KeyError: of numbers that torch does not have
        raise WeightsError(f"{path} is not a whole safetensors file: {error}") from None


def _read_torch(path: Path) -> dict[str, Tensor]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of other pickle protocols: what follows is an error or fine
            found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # noqa: BLE001 - whatever a damaged file makes the unpickler say
        # Not what torch says: it tells how to let the code run.
        raise WeightsError(
            f"{path} is damaged, or a pickle of more than tensors, which could run code and is refused; "
            "save the state dict as safetensors"
        ) from None
    for wrapping in _WRAPPINGS:
        if isinstance(found, Mapping) and isinstance(found.get(wrapping), Mapping):
            found = found[wrapping]
    if not isinstance(found, Mapping) or not all(isinstance(value, Tensor) for value in found.values()):
        raise WeightsError(f"{path} does not hold a state dict: save `model.state_dict()` and nothing else")
    state = {str(name): value for name, value in found.items()}
    for prefix in _PREFIXES:
        if state and all(name.startswith(prefix) for name in state):
            state = {name.removeprefix(prefix): value for name, value in state.items()}
    return state


def _widened(path: Path, name: str, tensor: Tensor) -> Tensor:
    if not tensor.is_floating_point():
        return tensor
    if not torch.isfinite(tensor).all():
        raise WeightsError(
            f"{path}: tensor {name} holds values that are not finite; train or export it again"
        )
    return tensor.float()


def _is_spare(draft: Draft, name: str) -> bool:
    return name.startswith(draft.spare) or name.endswith(_COUNTER)


def _complaint(kind: str, names: list[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{kind} {', '.join(names[:NAMED])}{more}" if names else ""
