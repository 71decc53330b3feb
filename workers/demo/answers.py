"""What is known about the demo's photos. It is kept apart from the manifest, so that no model can see it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

ANSWERS = "answers.json"
MASKS = "answers-masks.npz"


@dataclass(frozen=True, slots=True)
class Shelf:
    """What a shelf photo shows.

    `boxes` float32 (k, 4): left, top, right, bottom in pixels; `labels` the product type of each; `mask` bool
    (height, width): where a product is.
    """

    sku: str
    boxes: npt.NDArray[np.float32]
    labels: tuple[str, ...]
    mask: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Answers:
    """Known answers by the SHA-256 of the photo's bytes, in the order of the manifest."""

    types: dict[str, str]
    """The product type of each photo of one product."""
    skus: dict[str, str]
    """The product of each photo of one product."""
    shelves: dict[str, Shelf]

    @property
    def hashes(self) -> list[str]:
        return [*self.types, *self.shelves]


def save(folder: Path, recipe: dict[str, Any], answers: Answers) -> None:
    """Write `answers` and what they were made by; the last file of a complete demo catalog."""
    masks: dict[str, Any] = {sha256: shelf.mask for sha256, shelf in answers.shelves.items()}
    np.savez_compressed(folder / MASKS, **masks)
    document = {
        "recipe": recipe,
        "products": [
            {"sha256": sha256, "sku": answers.skus[sha256], "type": label}
            for sha256, label in answers.types.items()
        ],
        "shelves": [
            {"sha256": sha256, "sku": shelf.sku, "labels": shelf.labels, "boxes": shelf.boxes.tolist()}
            for sha256, shelf in answers.shelves.items()
        ],
    }
    partial = folder / f"{ANSWERS}.partial"
    partial.write_text(json.dumps(document), encoding="utf-8")
    partial.replace(folder / ANSWERS)


def load(folder: Path) -> tuple[dict[str, Any], Answers]:
    """What `save` wrote. Raises OSError, ValueError or KeyError where it is missing or damaged."""
    document = json.loads((folder / ANSWERS).read_text(encoding="utf-8"))
    with np.load(folder / MASKS) as masks:
        shelves = {
            one["sha256"]: Shelf(
                one["sku"],
                np.array(one["boxes"], np.float32).reshape(-1, 4),
                tuple(one["labels"]),
                masks[one["sha256"]],
            )
            for one in document["shelves"]
        }
    types = {one["sha256"]: one["type"] for one in document["products"]}
    skus = {one["sha256"]: one["sku"] for one in document["products"]}
    return document["recipe"], Answers(types, skus, shelves)
