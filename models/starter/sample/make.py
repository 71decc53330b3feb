"""Draw the sample again: `python -m models.starter.sample.make --fashion-mnist DIR`."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from models.starter.data import LABELS, ProductPhotos, load_fashion_mnist
from models.starter.sample.load import COLUMNS, FOLDER, PER_LABEL, SHEET, TABLE

SEED = 20261123


def draw(source: ProductPhotos) -> npt.NDArray[np.int64]:
    """Indices into the test split: the same number of each label, in an order that mixes them."""
    rng = np.random.default_rng(SEED)
    chosen = [
        rng.choice(np.flatnonzero(source.labels == label), PER_LABEL, replace=False)
        for label in range(len(LABELS))
    ]
    return rng.permutation(np.concatenate(chosen)).astype(np.int64)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fashion-mnist", type=Path, help="folder with the four gzipped IDX files")
    source = load_fashion_mnist("test", parser.parse_args().fashion_mnist)
    indices = draw(source)
    tiles = source.photos[indices].reshape(-1, COLUMNS, 28, 28).transpose(0, 2, 1, 3)
    sheet = tiles.reshape(-1, COLUMNS * 28)
    Image.fromarray(np.ascontiguousarray(sheet)).save(FOLDER / SHEET, optimize=True)
    lines = ["index_in_test_split,label", *(f"{index},{source.labels[index]}" for index in indices)]
    (FOLDER / TABLE).write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
