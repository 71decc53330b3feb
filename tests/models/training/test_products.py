"""Which file names are taken for views of one product, and which are not."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from models.training.readers.products import by_name

CASES = {
    "underscore": (["a_1.jpg", "a_2.jpg", "b_1.jpg"], ["a", "a", "b_1"]),
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
    "folders are apart": (["x/a_1.jpg", "x/b.jpg", "y/a_2.jpg", "y/b.jpg"], ["x/a_1", "x/b", "y/a_2", "y/b"]),
    "line breaks in names": (["a\nb_1.jpg", "a\nb_2.jpg", "c.jpg"], ["a\nb", "a\nb", "c"]),
}


@pytest.mark.parametrize(("names", "products"), CASES.values(), ids=CASES)
def test_views_of_one_product(names: list[str], products: list[str]) -> None:
    assert by_name([PurePosixPath(name) for name in names]) == products
