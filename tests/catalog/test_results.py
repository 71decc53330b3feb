"""Predictions as rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from catalog import results
from catalog.outcomes import ItemKey, Stored
from models.predictions import (
    Box,
    Classification,
    Colour,
    Detection,
    Detections,
    Embedding,
    Facts,
    Prediction,
    Score,
    Segment,
    Segmentation,
)
from models.runs import Runs
from tests.catalog.shop import add_images, add_version, rows

MASK = np.zeros((30, 40), np.uint8)
COLOURS = (Colour("navy", "#14213d", 0.75), Colour("white", "#fefefe", 0.25))
LISTED = [
    {"name": "navy", "hex": "#14213d", "share": 0.75},
    {"name": "white", "hex": "#fefefe", "share": 0.25},
]
BOX = Box(1.5, 2.0, 3.25, 4.75)

# (prediction, table, its columns, its rows)
CASES: list[tuple[Prediction, str, str, list[tuple[Any, ...]]]] = [
    (
        Classification((Score("Shirt", 0.75), Score("Coat", 0.25))),
        "classifications",
        "label, rank, score",
        [("Coat", 2, 0.25), ("Shirt", 1, 0.75)],
    ),
    (
        Detections((Detection("Bag", 0.5, BOX), Detection("Bag", 0.25, Box(0, 0, 40, 30)))),
        "detections",
        'ordinal, label, score, "left", top, "right", bottom',
        [(0, "Bag", 0.5, 1.5, 2.0, 3.25, 4.75), (1, "Bag", 0.25, 0.0, 0.0, 40.0, 30.0)],
    ),
    (
        Segmentation(Runs.of(MASK), (Segment("product", 0.875, BOX, 0.125),)),
        "segments",
        'label, score, area, "left", top, "right", bottom, mask_key',
        [("product", 0.875, 0.125, 1.5, 2.0, 3.25, 4.75, "masks/m@1/x.png")],
    ),
    (
        Embedding(np.array([0.6, -0.8, 0.0], np.float32)),
        "embeddings",
        "embedding::text",
        [("[0.6,-0.8,0]",)],
    ),
    (
        Facts(COLOURS, 0.75, -0.25, "packshot", 0.5, True, -(2**63)),
        "photo_facts",
        "colour, colour_hex, colours, sharpness, exposure, background, product_share, masked, perceptual_hash",
        [("navy", "#14213d", LISTED, 0.75, -0.25, "packshot", 0.5, True, -(2**63))],
    ),
    (Classification(()), "classifications", "label", []),
    (Detections(()), "detections", "label", []),
    (Segmentation(Runs.of(MASK), ()), "segments", "label", []),
]


@pytest.mark.parametrize(("prediction", "table", "columns", "expected"), CASES)
def test_a_prediction_becomes_its_rows_and_nothing_found_becomes_none(
    engine: sa.Engine, prediction: Prediction, table: str, columns: str, expected: list[tuple[Any, ...]]
) -> None:
    (image_id,), version = add_images(engine, 1), add_version(engine)
    with engine.begin() as connection:
        key = ItemKey(image_id, version.id)
        results.write(connection, [Stored(key, prediction, mask_key="masks/m@1/x.png")])
    assert rows(engine, f"SELECT {columns} FROM {table} ORDER BY 1") == expected
    keys = rows(engine, f"SELECT DISTINCT image_id, model_version_id FROM {table}")
    assert keys == ([(image_id, version.id)] if expected else [])


def test_predictions_of_several_kinds_are_written_together(engine: sa.Engine) -> None:
    (image_id,) = add_images(engine, 1)
    made = [add_version(engine, f"model-{n}") for n in range(len(CASES))]
    with engine.begin() as connection:
        results.write(
            connection,
            [
                Stored(ItemKey(image_id, version.id), case[0], "masks/m@1/x.png")
                for version, case in zip(made, CASES, strict=True)
            ],
        )
    tables = ("classifications", "detections", "segments", "embeddings", "photo_facts")
    counts = [rows(engine, f"SELECT count(*) FROM {table}")[0][0] for table in tables]
    assert counts == [2, 2, 1, 1, 1]


def test_an_embedding_comes_back_bit_for_bit(engine: sa.Engine) -> None:
    (image_id,), version = add_images(engine, 1), add_version(engine)
    vector = np.random.default_rng(7).standard_normal(1280).astype(np.float32)
    vector /= np.linalg.norm(vector)
    with engine.begin() as connection:
        results.write(connection, [Stored(ItemKey(image_id, version.id), Embedding(vector))])
    text = rows(engine, "SELECT embedding::text FROM embeddings")[0][0]
    assert np.array_equal(np.array(text.strip("[]").split(","), np.float32), vector)
