"""What shoppers did, from a file to what they are shown, by commands."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from catalog.errors import BadShopper, CatalogError, InteractionsError, UnknownSku
from tests.catalog.bazaar import Bazaar
from workers.cli.main import app
from workers.settings import settings


@pytest.fixture
def shop(tagmill_environment: dict[str, str], engine: sa.Engine) -> Iterator[Bazaar]:
    """Four products of three categories, and commands that find them."""
    settings.cache_clear()
    made = Bazaar(engine)
    for sku, category in (("SHOE-1", "Shoes"), ("SHOE-2", "Shoes"), ("SOCK-1", "Socks"), ("HAT-1", "Hats")):
        made.product(sku, category)
    yield made
    settings.cache_clear()


def run(*arguments: str, expect: int = 0) -> str:
    """A command's standard output."""
    done = CliRunner().invoke(app, list(arguments), env={"COLUMNS": "200"})
    assert done.exit_code == expect, done.output
    return done.stdout


def told(*arguments: str, expect: int = 0) -> Any:
    return json.loads(run(*arguments, "--json", expect=expect))


def test_from_a_file_to_what_is_shown(shop: Bazaar, tmp_path: Path) -> None:
    acts = [
        f"{name},{sku},{kind},2026-01-02T10:0{minute}:00Z"
        for name in ("anna", "ben")
        for minute, (sku, kind) in enumerate((("SHOE-1", "cart"), ("SOCK-1", "purchase")))
    ]
    file = tmp_path / "acts.csv"
    file.write_text(
        "\n".join(["shopper,sku,kind,happened_at", *acts, "carl,SHOE-1,view,2026-01-03", "x,y,z,w"])
    )
    report = f"{file}.errors.csv"
    done = {"rows": 6, "new": 5, "known": 0, "refused": {"bad_kind": 1}, "errors_file": report}
    assert told("shoppers", "load", str(file), expect=3) == done
    assert "7,y,,bad_kind" in Path(report).read_text()
    assert "0 new, 5 known before" in run("shoppers", "load", str(file), expect=3)
    assert told("shoppers", "refresh")["pairs"] == 4

    found = told("recommend", "shopper", "carl", "--size", "2")
    assert (found["known"], [hit["sku"] for hit in found["hits"]]) == (True, ["SOCK-1", "HAT-1"])
    assert found["hits"][0]["reasons"][0] == "bought or put in the cart together with SHOE-1"
    assert [hit["sku"] for hit in told("recommend", "product", "SHOE-1")["hits"]] == ["SOCK-1"]
    assert "popular in Socks" in run("recommend", "shopper", "nobody")

    assert told("shoppers", "forget", "carl") == {"shopper": "carl", "removed": 1}
    assert "nothing is known of carl" in run("shoppers", "forget", "carl")
    assert told("recommend", "shopper", "carl")["known"] is False


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("shoppers", "load", "nowhere.csv"), InteractionsError),
        (("shoppers", "forget", ""), BadShopper),
        (("recommend", "shopper", "x" * 10_000), BadShopper),
        (("recommend", "product", "nobody"), UnknownSku),
    ],
)
def test_mistakes_are_errors_that_the_command_line_tells(
    shop: Bazaar, arguments: tuple[str, ...], error: type[CatalogError]
) -> None:
    done = CliRunner().invoke(app, arguments)
    assert (type(done.exception), done.stdout) == (error, "")
