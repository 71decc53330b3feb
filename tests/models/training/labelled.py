"""Small files for the tests of readers, and short words for what came out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from models.training.readers import read
from models.training.recipe import Data
from models.training.samples import LabelledPhotos, TrainableTask


def write_photo(path: Path, seed: int = 0, size: tuple[int, int] = (40, 30), **options: Any) -> Path:
    """A photo of smooth random colours, `size` (width, height); another seed is another photo."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rough = np.random.default_rng(seed).integers(0, 256, (5, 5, 3), dtype=np.uint8)
    Image.fromarray(rough).resize(size, Image.Resampling.BICUBIC).save(path, **options)
    return path


def write_photos(folder: Path, *names: str) -> Path:
    for seed, name in enumerate(names):
        write_photo(folder / name, seed)
    return folder


def write_json(path: Path, tree: object) -> Path:
    path.write_text(json.dumps(tree), encoding="utf-8")
    return path


def read_as(task: TrainableTask, source: Path | str, **data: Any) -> LabelledPhotos:
    return read(Data(source=str(source), **data), task)


def codes(found: LabelledPhotos) -> list[str]:
    return [problem.code for problem in found.problems]
