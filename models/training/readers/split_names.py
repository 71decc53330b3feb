"""How data sets call their splits."""

from __future__ import annotations

from typing import Final

from models.training.samples import Split

SPLIT_NAMES: Final[dict[str, Split]] = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
    "testing": "test",
}
"""In small letters."""
