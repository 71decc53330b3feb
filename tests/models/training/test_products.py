"""Which file names are taken for views of one product, and which are not."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from models.training.readers.products import by_name

CASES = {
    "underscore": (["a_1.jpg", "a_2.jpg", "b_1.jpg"], ["a", "a", "b"]),
    "dash, blank, dot": (["a-1.jpg", "a 2.jpg", "a.3.jpg", "b.jpg"], ["a", "a", "a", "b"]),
    "brackets": (["a (1).jpg", "a(2).jpg", "b.jpg"], ["a", "a", "b"]),
    "endings make no difference": (["a.jpg", "a.png", "b.jpg"], ["a", "a", "b"]),
    "a number alone is a name": (["1.jpg", "2.jpg", "a.jpg"], ["1", "2", "a"]),
    "cameras count in four digits": (
        ["IMG_0001.jpg", "IMG_0002.jpg", "a.jpg"],
        ["IMG_0001", "IMG_0002", "a"],
    ),
    "nothing but numbered photos": (["bag_1.jpg", "bag_2.jpg", "bag_3.jpg"], ["bag_1", "bag_2", "bag_3"]),
    "more than a product has views": (
        [*(f"bag_{k}.jpg" for k in range(1, 25)), "hat.jpg"],
        [*(f"bag_{k}" for k in range(1, 25)), "hat"],
    ),
    "folders are apart": (["x/a_1.jpg", "x/b.jpg", "y/a_2.jpg", "y/b.jpg"], ["x/a", "x/b", "y/a", "y/b"]),
    "an article has its folder to itself": (["4711_1.jpg", "4711_2.jpg"], ["4711", "4711"]),
    "its folder's number is not the article's": (["2024/a_1.jpg", "2024/a_2.jpg"], ["2024/a_1", "2024/a_2"]),
    "no more views than a product has": (
        [*(f"4711_{k}.jpg" for k in range(1, 25)), "hat.jpg"],
        [*(f"4711_{k}" for k in range(1, 25)), "hat"],
    ),
    "line breaks in names": (["a\nb_1.jpg", "a\nb_2.jpg", "c.jpg"], ["a\nb", "a\nb", "c"]),
}


@pytest.mark.parametrize(("names", "products"), CASES.values(), ids=CASES)
def test_views_of_one_product(names: list[str], products: list[str]) -> None:
    assert by_name([PurePosixPath(name) for name in names]) == products


@pytest.mark.parametrize(
    ("there", "added"),
    [
        (["4711_1.jpg"], ["4711_2.jpg", "4711_3.jpg", "4712_1.jpg"]),
        (["4711.jpg"], ["4711_1.jpg"]),
        (["anna_1.jpg", "berta_1.jpg"], [f"anna_{k}.jpg" for k in range(2, 21)]),
        (["boot (3).jpg", "hat.jpg"], ["boot.jpg", "boot (1).jpg"]),
        (["IMG_0001.jpg"], [f"IMG_{k:04d}.jpg" for k in range(2, 200)]),
        (["00000.jpg", "00001.jpg"], [f"{k:05d}.jpg" for k in range(2, 200)]),
    ],
)
def test_more_photos_rename_no_product(there: list[str], added: list[str]) -> None:
    """The split goes by the name: a product must not move from train to test."""
    before, after = (by_name([PurePosixPath(name) for name in names]) for names in (there, there + added))
    assert after[: len(there)] == before


@pytest.mark.parametrize("form", ["IMG_{:04d}.jpg", "{:05d}.jpg", "bag_{}.jpg", "7_{}.png", "cat.{}.jpg"])
def test_long_series_are_a_product_a_photo(form: str) -> None:
    paths = [PurePosixPath(form.format(k)) for k in range(300)]
    assert len(set(by_name(paths))) == 300
