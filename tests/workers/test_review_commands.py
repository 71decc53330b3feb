"""`tagmill review`, `why`, `thresholds` and `taxonomy` as people type them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from catalog.errors import CatalogError
from tests.catalog.reviewed import Reviewed
from tests.catalog.shop import rows
from workers.cli.main import app
from workers.settings import settings


@pytest.fixture
def shop(engine: sa.Engine, tagmill_environment: dict[str, str]) -> Iterator[Reviewed]:
    settings.cache_clear()  # read once a process; here each test has services of its own
    made = Reviewed(engine)
    made.product("a", {"Dress": 0.9}, category="Shoes", brand="Acme")
    made.product("b", {"Dress": 0.52}, {"Shirt": 0.6}, brand="Acme")
    yield made
    settings.cache_clear()


def run(*arguments: str, expect: int = 0) -> str:
    done = CliRunner().invoke(app, arguments, env={"COLUMNS": "200"})
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == expect, done.output
    return done.stdout if expect == 0 else done.output


def read(*arguments: str) -> Any:
    return json.loads(run(*arguments, "--json"))


def test_queues_are_listed(shop: Reviewed) -> None:
    assert "the feed says Shoes, the photos show Dress" in run("review", "queue", "mismatch")
    assert "b" in run("review", "queue", "disagreeing")
    page = read("review", "queue", "uncertain", "--size", "1")
    assert [item["sku"] for item in page["items"]] == ["b"]
    assert read("review", "queue", "uncertain", "--after", page["after"]) == {"items": [], "after": None}
    assert read("review", "dismiss", "a", "--author", "anna") == {"dismissed": 1}
    assert "nothing to review here" in run("review", "queue", "mismatch")


def test_a_dry_run_counts_and_changes_nothing(shop: Reviewed) -> None:
    where = ("--where", "brand=Acme", "--author", "anna")
    told = read("review", "reject", "Dress", *where, "--dry-run")
    assert told == {"products": 2, "new": 2, "changed": 0, "withdrawn": 0, "same": 0, "dry_run": True}
    assert rows(shop.engine, "SELECT * FROM overrides") == []
    assert read("review", "relabel", "Dress", "Bag", *where)["new"] == 4
    assert "2 products: 0 new, 0 changed, 0 taken back, 2 known before" in run(
        "review", "accept", "Bag", *where
    )
    assert read("review", "forget", "Dress", "a", "b", "--author", "anna")["withdrawn"] == 2


def test_products_are_named_in_one_way(shop: Reviewed) -> None:
    assert "or give a condition" in run("review", "accept", "Dress", "--author", "anna", expect=2)
    both = ("a", "--where", "brand=Acme", "--author", "anna")
    assert "not both" in run("review", "accept", "Dress", *both, expect=2)
    with pytest.raises(CatalogError, match="there is no product 'nobody'"):
        run("review", "accept", "Dress", "a", "nobody", "--author", "anna")
    assert rows(shop.engine, "SELECT * FROM overrides") == []


def test_another_label_of_the_same_classifier_is_pointed_out(shop: Reviewed) -> None:
    told = CliRunner().invoke(app, ["review", "relabel", "Bag", "Shirt", "a", "--author", "anna"]).output
    assert "a shows Dress as well" in " ".join(told.split())
    told = CliRunner().invoke(app, ["review", "relabel", "Dress", "Shirt", "a", "--author", "anna"]).output
    assert "as well" not in told


def test_why_is_told(shop: Reviewed) -> None:
    assert "Shown: product-type@1 gives Dress 0.900" in run("why", "a", "Dress")
    assert read("why", "a", "Bag")["shown"] is False


def test_thresholds_are_set_listed_fitted_and_cleared(shop: Reviewed) -> None:
    assert "each label counts from 0.5" in run("thresholds", "list")
    assert "Dress of product-type counts from 0.95" in run(
        "thresholds", "set", "product-type", "0.95", "--label", "Dress"
    )
    assert "below its own cut-off 0.950" in run("why", "a", "Dress")
    assert ["product-type", "all", "others", "0.500"] in [
        line.split()[:4] for line in run("thresholds", "list").splitlines()
    ]
    assert [one["label"] for one in read("thresholds", "list")] == ["Dress"]
    assert "52 at least" in run("thresholds", "fit", "product-type", "--precision", "0.95", "--dry-run")
    assert read("thresholds", "fit", "product-type", "--precision", "0.95")["applied"] == 0
    assert read("thresholds", "clear", "product-type", "--label", "Dress") == {"cleared": True}


def test_the_taxonomy_is_loaded_shown_and_dumped(shop: Reviewed, tmp_path: Path) -> None:
    file, again = tmp_path / "taxonomy.csv", tmp_path / "again.csv"
    file.write_text("model,label,category,name.de\nproduct-type,Dress,Dresses,Kleider\n")
    assert "no rule for Bag, Shirt, Shoe" in run("taxonomy", "load", str(file))
    assert "de Kleider" in run("taxonomy", "show")
    run("taxonomy", "dump", "--out", str(again))
    assert again.read_text() == run("taxonomy", "dump")
    assert read("taxonomy", "load", str(again))["rules"] == 1
    with pytest.raises(CatalogError, match="cannot read"):
        run("taxonomy", "load", str(tmp_path / "none.csv"))
