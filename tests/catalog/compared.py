"""Two versions of a model, and what each said of photos, written as plain rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import sqlalchemy as sa

from catalog import diff, results
from catalog.diff import LabelDiff
from catalog.filters import Filter, parse
from catalog.outcomes import ItemKey, Stored
from catalog.snapshot import snapshot
from catalog.versions import Version
from models.predictions import (
    Box,
    Classification,
    Detection,
    Detections,
    Embedding,
    Prediction,
    Score,
    Segment,
    Segmentation,
)
from models.runs import Runs
from tests.catalog.shop import add_version, execute, plan

BOX = Box(0, 0, 8, 6)


def add_pair(engine: sa.Engine, task: str = "classify", **changes: Any) -> tuple[Version, Version]:
    """`thing@1`, which serves, and the candidate `thing@2`."""
    made = [add_version(engine, "thing", number, task=task, **changes) for number in (1, 2)]
    return made[0], made[1]


def say(engine: sa.Engine, version: Version, image_id: int, prediction: Prediction, mask: str = "") -> None:
    """The version has done the photo, with this result."""
    plan(engine, [image_id], version.id)
    with engine.begin() as connection:
        results.write(connection, [Stored(ItemKey(image_id, version.id), prediction, mask or None)])
    execute(
        engine,
        "UPDATE work_items SET state = 'done' WHERE image_id = :image AND model_version_id = :version",
        image=image_id,
        version=version.id,
    )


def classified(**scores: float) -> Classification:
    return Classification(tuple(Score(label, score) for label, score in scores.items()))


def detected(*labels: str, score: float = 0.9) -> Detections:
    return Detections(tuple(Detection(label, score, BOX) for label in labels))


def segmented(**areas: float) -> Segmentation:
    """Areas by label; the mask itself plays no part."""
    segments = tuple(Segment(label, 0.9, BOX, area) for label, area in areas.items())
    return Segmentation(Runs.of(np.zeros((6, 8), np.uint8)), segments)


def embedded(*numbers: float) -> Embedding:
    vector = np.array(numbers, np.float32)
    return Embedding(vector / np.linalg.norm(vector))


def compare(engine: sa.Engine, *, where: Sequence[str] = (), limit: int = 10) -> LabelDiff:
    """`thing@2` against what serves."""
    products: Filter = parse(where)
    with snapshot(engine) as connection:
        return diff.diff_labels(connection, diff.pair(connection, "thing@2", None), products, limit)
