"""People's labels as a table of photos that training reads."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from catalog.errors import BucketMissing
from models.errors import DataError
from models.photo import Sides
from models.training.readers import read
from models.training.recipe import Data
from models.training.samples import LabelledPhotos
from models.training.split import split
from tests.catalog.shop import add_images, add_product, rows
from tests.workers.labelled import add_bars, add_photos, photo, tell
from workers.runtime import Runtime
from workers.training.from_catalog import LEFT_OUT, export


def exported(runtime: Runtime, folder: Path, *labels: str) -> LabelledPhotos:
    return read(Data(source=str(export(runtime, labels or None, folder))), "classify")


def left_out(folder: Path) -> list[tuple[str, str]]:
    with (folder / LEFT_OUT).open(newline="") as file:
        return [(row["sku"], row["code"]) for row in csv.DictReader(file)]


def test_photos_of_labelled_products_are_fetched_and_can_be_read(runtime: Runtime, tmp_path: Path) -> None:
    add_bars(runtime, 6)
    found = exported(runtime, tmp_path)
    assert found.labels == ("lying", "upright")
    assert [(one.product, one.label) for one in found.samples] == [
        (f"bar-{number:03d}", ("lying", "upright")[number % 2]) for number in range(6)
    ]
    assert (found.problems, left_out(tmp_path)) == ((), [])
    assert [one.photo.load(Sides(40, 40)).width for one in found.samples] == [40] * 6


def test_exported_again_the_table_is_the_same_and_no_photo_is_fetched(
    runtime: Runtime, tmp_path: Path
) -> None:
    add_bars(runtime, 4)
    first = export(runtime, None, tmp_path).read_bytes()
    for key in runtime.store.list("images/"):
        runtime.store.delete(key)
    assert export(runtime, None, tmp_path).read_bytes() == first
    assert not list(tmp_path.rglob(".writing-*"))


def test_a_run_that_began_with_other_labels_keeps_its_table(runtime: Runtime, tmp_path: Path) -> None:
    add_bars(runtime, 4)
    first = export(runtime, None, tmp_path)
    before = first.read_bytes()
    tell(runtime, {"bar-000": "second label"})
    assert export(runtime, None, tmp_path) != first
    assert first.read_bytes() == before


def test_products_that_share_photos_never_straddle_splits(runtime: Runtime, tmp_path: Path) -> None:
    """Twenty chains of three products, each sharing a photo with the next."""
    for chain in range(20):
        one, two, three, four = add_photos(runtime, [photo(4 * chain + part) for part in range(4)])
        label = ("lying", "upright")[chain % 2]
        for number, images in enumerate(([one, two], [two, three], [three, four])):
            sku = f"{chain}-{number}"
            add_product(runtime.engine, sku, images)
            tell(runtime, {sku: label})
    found = exported(runtime, tmp_path)
    assert len(found.samples) == 80
    parts = split(found.samples, Data(val=0.3, test=0.3))
    of_chain: dict[str, set[str]] = {}
    for name in ("train", "val", "test"):
        assert getattr(parts, name)
        for index in getattr(parts, name):
            of_chain.setdefault(found.samples[index].product.split("-")[0], set()).add(name)
    assert len(of_chain) == 20
    assert all(len(places) == 1 for places in of_chain.values())


@pytest.mark.parametrize(
    ("sku", "label"),
    [
        ("semi;colon", "a,b"),
        ("=1+1", "-x"),
        ("späße", "naïve"),
        ("NA", "null"),
        ("none", "n/a"),
        ("007", "1"),
        ("a/b\\c", "50 %"),
        ("two  words", "train"),
    ],
)
def test_skus_and_labels_of_any_look_come_through(
    runtime: Runtime, tmp_path: Path, sku: str, label: str
) -> None:
    numbers = [(sku, label), ("b", label), ("c", "other"), ("d", "other")]
    for number, (name, _) in enumerate(numbers):
        add_product(runtime.engine, name, add_photos(runtime, [photo(number)]))
    tell(runtime, dict(numbers))
    found = exported(runtime, tmp_path)
    assert {(one.product, one.label) for one in found.samples} == set(numbers)


def test_photos_that_are_lost_or_altered_are_left_out_and_named(runtime: Runtime, tmp_path: Path) -> None:
    add_bars(runtime, 7)
    keys = dict(
        rows(
            runtime.engine,
            "SELECT sku, object_key FROM products p JOIN product_images pi ON pi.product_id = p.id "
            "JOIN images i ON i.id = pi.image_id",
        )
    )
    runtime.store.delete(keys["bar-000"])
    runtime.store.put(keys["bar-001"], b"altered", "image/png")
    add_product(runtime.engine, "bare", add_images(runtime.engine, 0))
    tell(runtime, {"bare": "lying", "bar-002": "second label"})
    assert len(exported(runtime, tmp_path).samples) == 4
    assert sorted(left_out(tmp_path)) == [
        ("bar-000", "photo_missing"),
        ("bar-001", "photo_altered"),
        ("bar-002", "several_labels"),
        ("bare", "no_photo"),
    ]
    assert len(exported(runtime, tmp_path, "lying", "upright").samples) == 5


def test_without_labels_there_is_nothing_to_train_on(runtime: Runtime, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="lead to no photo; give some with `tagmill label import`"):
        export(runtime, None, tmp_path)
    add_product(runtime.engine, "bare", [])
    tell(runtime, {"bare": "lying"})
    with pytest.raises(DataError, match=r"1 left out, the first: bare has no photo"):
        export(runtime, None, tmp_path)


def test_a_store_without_its_bucket_is_no_reason_to_leave_all_photos_out(
    runtime: Runtime, tmp_path: Path
) -> None:
    add_bars(runtime, 2)
    elsewhere = Runtime(runtime.settings.model_copy(update={"s3_bucket": "no-such-bucket"}))
    with pytest.raises(BucketMissing):
        export(elsewhere, None, tmp_path)
    elsewhere.engine.dispose()
    assert not list(tmp_path.glob("labels-*.csv"))
