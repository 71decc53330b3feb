"""Splitting: products never straddle, nothing moves when data are added, and what the data say comes first."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.training.recipe import Data
from models.training.samples import SPLITS, PhotoPixels, Sample, Split
from models.training.split import Parts, assign, gaps, split

PHOTO = PhotoPixels(np.zeros((2, 2), np.uint8), "photo")
OWN = st.sampled_from((None, *SPLITS))
PRODUCTS = st.text(max_size=8)
ROWS = st.lists(st.tuples(PRODUCTS, OWN), max_size=40)
DATA = Data(val=0.25, test=0.25)


def photos(*rows: tuple[str, Split | None]) -> list[Sample]:
    return [Sample(PHOTO, product, f"list.csv:{k}", split=own) for k, (product, own) in enumerate(rows)]


def places(samples: list[Sample], parts: Parts) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for name in SPLITS:
        for index in getattr(parts, name):
            found.setdefault(samples[index].product, set()).add(name)
    return found


@given(ROWS)
def test_products_never_straddle_and_every_sample_is_somewhere(rows: list[tuple[str, Split | None]]) -> None:
    samples = photos(*rows)
    parts = split(samples, DATA)
    assert all(len(found) == 1 for found in places(samples, parts).values())
    left_out = [one for one in parts.problems if one.code == "straddling_product"]
    assert sorted((*parts.train, *parts.val, *parts.test)) == [
        k for k, one in enumerate(samples) if one.origin not in {problem.origin for problem in left_out}
    ]


@given(ROWS, ROWS, st.randoms())
def test_more_products_and_another_order_move_nothing(
    rows: list[tuple[str, Split | None]], more: list[tuple[str, Split | None]], chance: object
) -> None:
    samples = photos(*((product, None) for product, _ in rows))
    added = photos(*((f"new {product}", None) for product, _ in more))
    mixed = [*samples, *added]
    chance.shuffle(mixed)  # type: ignore[attr-defined]
    before, after = places(samples, split(samples, DATA)), places(mixed, split(mixed, DATA))
    assert {product: after[product] for product in before} == before


@given(ROWS)
def test_what_the_data_guard_is_obeyed(rows: list[tuple[str, Split | None]]) -> None:
    samples = photos(*rows)
    found = places(samples, split(samples, DATA))
    for product in found:
        said = {one.split for one in samples if one.product == product}
        guarded = next((name for name in ("test", "val") if name in said), None)
        if guarded:
            assert found[product] == {guarded}


@given(PRODUCTS, st.floats(0, 0.4), st.floats(0, 0.4), st.floats(0, 0.4))
def test_another_share_of_val_leaves_test_alone(product: str, test: float, val: float, other: float) -> None:
    first, second = (assign(product, "salt", share, test) == "test" for share in (val, other))
    assert first == second


def test_shares_come_out_and_salts_draw_anew() -> None:
    names = [str(k) for k in range(20_000)]
    counts = Counter(assign(name, "tagmill", 0.2, 0.1) for name in names)
    assert abs(counts["val"] / 20_000 - 0.2) < 0.01
    assert abs(counts["test"] / 20_000 - 0.1) < 0.01
    both = sum(assign(name, "tagmill", 0, 0.1) == assign(name, "other", 0, 0.1) == "test" for name in names)
    assert both < 300


def test_the_draw_is_the_same_for_ever() -> None:
    """On it rests that a model trained next year is measured on products that it was not trained on."""
    drawn = "".join(assign(f"product {k}", "tagmill", 0.15, 0.15)[1] for k in range(40))
    assert drawn == "reerraerarraraaarrerrarrrrrrararerrrrerr"  # tRain, vAl, tEst


@pytest.mark.parametrize(
    ("own", "drawn"),
    [
        (("train", "val", "test"), set()),
        (("train", "test"), {"val"}),
        ((None, "test"), {"val"}),
        (("train", "val"), {"test"}),
        (("train",), {"val", "test"}),
        ((None,), {"val", "test"}),
    ],
)
def test_only_what_the_data_lack_is_drawn(own: tuple[Split | None, ...], drawn: set[Split]) -> None:
    rest = own[0]
    samples = photos(
        *((f"product {k}", rest) for k in range(200)), *((f"own {name}", name) for name in own[1:])
    )
    parts = split(samples, DATA)
    assert len(parts.train) > 80
    for name in ("val", "test"):
        assert (len(getattr(parts, name)) > 20) == (name in drawn)
    assert not parts.problems


def test_a_product_in_two_splits_stays_in_the_guarded_one() -> None:
    samples = photos(("a", "train"), ("a", "test"), ("a", None), ("b", "val"), ("b", "train"), ("c", "train"))
    parts = split(samples, DATA)
    assert (parts.test, parts.val, parts.train) == ((1, 2), (3,), (5,))
    assert [(one.origin, one.code) for one in parts.problems] == [
        *(("list.csv:0", "straddling_product"), ("list.csv:4", "straddling_product"))
    ]
    assert "photo is in train, but its product a is in test too" in parts.problems[0].sentence


def test_a_split_that_got_nothing() -> None:
    parts = split(photos(("a", "train")), Data(val=0.01, test=0))
    assert [(one.code, one.sentence) for one in parts.problems] == [
        ("empty_val", "no product fell into val; raise data.val, or change data.salt to draw again")
    ]


def test_labels_without_a_photo_to_train_on_or_to_measure_on() -> None:
    parts = Parts((0, 1), (2,), (3,))
    seen = [("bag", "shoe"), ("shoe",), ("hat",), ("bag", "belt")]
    found = gaps(parts, ("bag", "belt", "hat", "shoe"), seen)
    assert [(one.code, one.origin) for one in found] == [
        *(("no_training_photo", "label belt"), ("no_training_photo", "label hat")),
        *(("no_test_photo", "label hat"), ("no_test_photo", "label shoe")),
    ]
    assert "add photos of it, or leave it out" in found[0].sentence
    assert "add photos of more products of it, or change data.salt" in found[2].sentence
    assert [one.code for one in gaps(Parts((0, 1), (), ()), ("bag", "hat"), seen)] == ["no_training_photo"]
