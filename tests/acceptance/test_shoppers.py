"""What shoppers did, from a file to what they are shown, by commands."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.acceptance.conftest import System
from tests.catalog.bazaar import Bazaar


@pytest.fixture
def shop(tagmill_environment: dict[str, str], engine: sa.Engine, tmp_path: Path) -> System:
    """Four products of two categories; no model is needed."""
    bazaar = Bazaar(engine)
    for sku, category in (("SHOE-1", "Shoes"), ("SHOE-2", "Shoes"), ("SOCK-1", "Socks"), ("HAT-1", "Hats")):
        bazaar.product(sku, category)
    return System(tagmill_environment, engine, tmp_path)


def test_from_a_file_to_what_is_shown(shop: System, tmp_path: Path) -> None:
    acts = [
        f"{name},{sku},{kind},2026-01-02T10:0{minute}:00Z"
        for name in ("anna", "ben")
        for minute, (sku, kind) in enumerate((("SHOE-1", "cart"), ("SOCK-1", "purchase")))
    ]
    file = tmp_path / "acts.csv"
    file.write_text("\n".join(["shopper,sku,kind,happened_at", *acts, "carl,SHOE-1,view,2026-01-03", "x,y,z,w"]))
    report = f"{file}.errors.csv"
    told = {"rows": 6, "new": 5, "known": 0, "refused": {"bad_kind": 1}, "errors_file": report}
    assert shop.json("shoppers", "load", str(file), expect=3) == told
    assert "7,y,,bad_kind" in Path(report).read_text()
    assert shop.json("shoppers", "refresh")["pairs"] == 4

    found = shop.json("recommend", "shopper", "carl", "--size", "2")
    assert (found["known"], [hit["sku"] for hit in found["hits"]]) == (True, ["SOCK-1", "HAT-1"])
    assert found["hits"][0]["reasons"][0] == "bought or put in the cart together with SHOE-1"
    found = shop.json("recommend", "product", "SHOE-1")
    assert [hit["sku"] for hit in found["hits"]] == ["SOCK-1"]
    assert "popular" in shop.run("recommend", "shopper", "nobody")

    assert shop.json("shoppers", "forget", "carl") == {"shopper": "carl", "removed": 1}
    assert "nothing is known of carl" in shop.run("shoppers", "forget", "carl")
    assert shop.json("recommend", "shopper", "carl")["known"] is False


def test_mistakes_are_answered_with_sentences(shop: System, tmp_path: Path) -> None:
    empty = tmp_path / "empty.csv"
    empty.write_text("")
    for arguments in (
        ("shoppers", "load", str(tmp_path / "nowhere.csv")),
        ("shoppers", "load", str(empty)),
        ("shoppers", "forget", ""),
        ("recommend", "shopper", "x" * 10_000),
        ("recommend", "product", "nobody"),
    ):
        assert shop.run(*arguments, expect=1) == ""
