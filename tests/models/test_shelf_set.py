"""The tables of the shelf set: one with the types of products, one without."""

from __future__ import annotations

from pathlib import Path

from models.starter.shelf_set import write_tables
from models.training.readers import read
from models.training.recipe import Data
from tests.models.training.labelled import write_photos


def test_both_tables_have_the_same_boxes(tmp_path: Path) -> None:
    write_photos(tmp_path / "images" / "train", "00000.jpg", "00001.jpg")
    first, second = (f"images/train/{k:05d}.jpg" for k in range(2))
    rows = [
        (first, "bag", 1, 2, 9, 8, "train"),
        (first, "coat", 3, 4, 9, 8, "train"),
        (second, "coat", 1, 1, 5, 5, "train"),
    ]
    write_tables(tmp_path, rows)
    types, products = (
        read(Data(source=str(tmp_path / name)), "detect") for name in ("boxes.csv", "products.csv")
    )
    assert (types.labels, products.labels) == (("bag", "coat"), ("product",))
    assert not types.problems + products.problems
    one, other = (
        [(box.box, sample.split) for sample in found.samples for box in sample.instances or ()]
        for found in (types, products)
    )
    assert one == other
    assert len(one) == len(rows)
