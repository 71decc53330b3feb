"""People's word, one by one and in bulk."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from catalog import filters
from catalog.errors import BadDecision, BadFilter, UnknownLabel, UnknownSku
from catalog.review import Decided, Decision, bulk, decide, relabelled
from tests.catalog.reviewed import Reviewed
from tests.catalog.shop import rows

HOSTILE = ["", "x" * 10_000, "%_'\"\\;", "a\0b", "\ud800", "👗", "שמלה", "'); DROP TABLE overrides; --"]


@pytest.fixture
def shop(engine: sa.Engine) -> Reviewed:
    made = Reviewed(engine)
    made.product("a", {"Dress": 0.9}, brand="Acme")
    made.product("b", {"Shirt": 0.9}, brand="Acme")
    made.product("c", {"Dress": 0.4}, brand="Zeta")
    return made


def take(shop: Reviewed, *decisions: Decision, author: str = "anna") -> Decided:
    with shop.engine.begin() as connection:
        return decide(connection, decisions, author)


def words(shop: Reviewed) -> list[tuple[Any, ...]]:
    return rows(shop.engine, "SELECT sku, label, accepted, author FROM product_overrides ORDER BY 1, 2")


def test_decisions_are_written_once(shop: Reviewed) -> None:
    both = (Decision("a", "Dress", True), Decision("b", "Dress", False))
    assert take(shop, *both) == Decided(2, 0, 0, 0)
    assert take(shop, *both, author="ben") == Decided(0, 0, 0, 2)
    assert take(shop, Decision("b", "Dress", True), author="ben") == Decided(0, 1, 0, 0)
    assert words(shop) == [("a", "Dress", True, "anna"), ("b", "Dress", True, "ben")]


def test_of_decisions_on_the_same_label_the_last_counts(shop: Reviewed) -> None:
    assert take(shop, Decision("a", "Dress", True), Decision("a", "Dress", False)) == Decided(1, 0, 0, 0)
    assert words(shop) == [("a", "Dress", False, "anna")]


def test_relabelling_turns_one_down_and_accepts_another(shop: Reviewed) -> None:
    take(shop, *relabelled("a", "Dress", "Bag"))
    assert [word[:3] for word in words(shop)] == [("a", "Bag", True), ("a", "Dress", False)]
    assert rows(shop.engine, "SELECT label, origin FROM product_tags WHERE sku = 'a'") == [("Bag", "person")]


def test_a_word_can_be_taken_back(shop: Reviewed) -> None:
    take(shop, Decision("a", "Dress", False))
    assert take(shop, Decision("a", "Dress", None), Decision("b", "Dress", None)) == Decided(0, 0, 1, 1)
    assert words(shop) == []


@pytest.mark.parametrize("text", HOSTILE)
def test_what_is_unknown_is_named_and_nothing_is_written(shop: Reviewed, text: str) -> None:
    with pytest.raises(UnknownSku, match="there is no product"):
        take(shop, Decision("a", "Dress", True), Decision(text, "Dress", True))
    with pytest.raises(UnknownLabel, match="no model gives the label"):
        take(shop, Decision("a", "Dress", True), Decision("a", text, True))
    assert words(shop) == []


@pytest.mark.parametrize("author", ["", "  ", "x" * 201, "a\0b", "\ud800"])
def test_a_word_needs_an_author(shop: Reviewed, author: str) -> None:
    with pytest.raises(BadDecision, match="author"):
        take(shop, Decision("a", "Dress", True), author=author)


def test_a_label_of_a_person_may_be_used_again(shop: Reviewed) -> None:
    with shop.engine.begin() as connection:
        connection.execute(
            sa.text("INSERT INTO overrides SELECT id, 'vintage', true, 'ben' FROM products LIMIT 1")
        )
    assert take(shop, Decision("b", "vintage", True)).new == 1


def test_bulk_is_about_the_products_a_condition_names(shop: Reviewed) -> None:
    with shop.engine.connect() as connection:
        assert bulk.meant(connection, filters.parse(["brand=Acme"])) == ["a", "b"]
        assert bulk.showing(connection, filters.parse(["brand=Acme|Zeta"]), "Dress") == ["a"]
        with pytest.raises(BadFilter, match="say which products"):
            bulk.meant(connection, filters.parse([]))
