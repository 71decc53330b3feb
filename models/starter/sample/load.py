"""Read the demo's sample: one grey PNG with the photos side by side, one table with labels and origins."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

FOLDER = Path(__file__).resolve().parent
SHEET = "photos.png"
TABLE = "labels.csv"
COLUMNS = 40
PER_LABEL = 120


class Sample(NamedTuple):
    """`photos` uint8 (1200, 28, 28), bright product on black; `labels` int64 (1200,), an index into
    `models.starter.data.LABELS`; `indices` int64 (1200,), the photo's place in Fashion-MNIST's test split."""

    photos: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    indices: npt.NDArray[np.int64]


def load_sample() -> Sample:
    """The sample, always in the same order, with the labels mixed."""
    with Image.open(FOLDER / SHEET) as picture:
        sheet = np.asarray(picture.convert("L"))
    tiles = sheet.reshape(-1, 28, COLUMNS, 28).transpose(0, 2, 1, 3)
    table = np.loadtxt(FOLDER / TABLE, dtype=np.int64, delimiter=",", skiprows=1)
    return Sample(np.ascontiguousarray(tiles.reshape(-1, 28, 28)), table[:, 1], table[:, 0])
