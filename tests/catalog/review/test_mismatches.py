"""Feed against photos: what is claimed, what is not, and what a person lets stand."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from catalog.errors import BadDecision, UnknownSku
from catalog.review import Decision, decide, dismiss
from tests.catalog.reviewed import Reviewed
from tests.catalog.shop import execute

DRESS = {"Dress": 0.8, "Shoe": 0.15}


@pytest.fixture
def shop(engine: sa.Engine) -> Reviewed:
    return Reviewed(engine)


def let_stand(shop: Reviewed, sku: str = "a") -> int:
    with shop.engine.begin() as connection:
        return dismiss(connection, sku, "anna")


@pytest.mark.parametrize(
    ("category", "claimed"),
    [
        ("Dress", False),
        ("dresses", False),
        ("Women > Dresses", False),
        ("Shoes", True),
        ("Women > SHOES ", True),
        ("Gowns", False),  # neither a label nor a category: nothing is claimed
        ("Dress shoes", False),
        ("", False),
        (None, False),
        ("%_'\"\\;", False),
    ],
)
def test_without_rules_only_equal_names_are_compared(
    shop: Reviewed, category: str | None, claimed: bool
) -> None:
    shop.product("a", DRESS, category=category)
    assert bool(shop.mismatches("a")) is claimed


def test_confidence_is_how_much_surer_the_photos_are(shop: Reviewed) -> None:
    shop.product("a", DRESS, category="Shoes")
    assert shop.mismatches("a") == [("category", "Shoes", "Dress", 0.65)]


def test_with_rules_categories_are_compared(shop: Reviewed) -> None:
    shop.map([("Dress", "Clothing"), ("Shirt", "Clothing"), ("Shoe", "Footwear")])
    shop.product("a", DRESS, category="Clothing")
    shop.product("b", DRESS, category="Footwear")
    shop.product("c", DRESS, category="Dresses")  # a label, but the shop calls it otherwise
    assert shop.mismatches("a") == shop.mismatches("c") == []
    assert shop.mismatches("b") == [("category", "Footwear", "Clothing", 0.65)]


def test_a_verdict_that_does_not_count_claims_nothing(shop: Reviewed) -> None:
    shop.product("a", {"Dress": 0.4}, category="Shoes")
    assert shop.mismatches("a") == []


def test_a_person_s_word_settles_it(shop: Reviewed) -> None:
    shop.product("a", DRESS, category="Shoes")
    with shop.engine.begin() as connection:
        decide(connection, [Decision("a", "Shoe", True)], "anna")
    assert shop.mismatches("a") == []
    with shop.engine.begin() as connection:
        decide(connection, [Decision("a", "Shoe", None), Decision("a", "Dress", True)], "anna")
    assert shop.mismatches("a") == [("category", "Shoes", "Dress", 1.0)]


def test_a_dismissed_mismatch_comes_back_when_feed_or_photos_change(shop: Reviewed) -> None:
    shop.product("a", DRESS, category="Shoes")
    assert let_stand(shop) == 1
    assert shop.mismatches("a") == []
    execute(shop.engine, "UPDATE products SET title = 'new title', price = 3")
    assert shop.mismatches("a") == []
    execute(shop.engine, "UPDATE products SET category = 'Bags'")
    assert shop.mismatches("a") == [("category", "Bags", "Dress", 0.8)]
    assert let_stand(shop) == 1
    execute(shop.engine, "UPDATE classifications SET label = 'Shirt' WHERE label = 'Dress'")
    assert shop.mismatches("a") == [("category", "Bags", "Shirt", 0.8)]


def test_dismissing_needs_a_product_and_an_author(shop: Reviewed) -> None:
    with pytest.raises(UnknownSku):
        let_stand(shop)
    shop.product("a", DRESS, category="Dress")
    assert let_stand(shop) == 0
    with shop.engine.begin() as connection, pytest.raises(BadDecision):
        dismiss(connection, "a", " ")


@pytest.mark.parametrize(
    ("title", "attributes", "brand", "found"),
    [
        ("Red dress", {}, None, [("colour", "red", "blue", 0.7)]),
        ("RED-dress, size M", {}, None, [("colour", "red", "blue", 0.7)]),
        ("Navy dress", {}, None, []),
        ("Black dress", {}, None, []),  # what is near may be the light
        ("Blue and red dress", {}, None, []),
        ("Multicolour dress with red", {}, None, []),
        ("Dress", {"color": "Burgundy"}, None, [("colour", "red", "blue", 0.7)]),
        ("Red dress", {"colour": "navy blue"}, None, []),
        ("Red dress", {"colour": " ", "color": ""}, None, [("colour", "red", "blue", 0.7)]),
        ("Red Wing boots", {}, "Red Wing", []),
        ("Redwood dress", {}, None, []),
        ("%_'\"\\;", {}, None, []),
        (None, {}, None, []),
    ],
)
def test_colours_that_the_feed_names_are_held_against_the_photos(
    shop: Reviewed,
    title: str | None,
    attributes: dict[str, str],
    brand: str | None,
    found: list[tuple[str, str, str, float]],
) -> None:
    (photo,) = shop.product("a", {}, title=title, attributes=attributes, brand=brand)
    shop.facts(photo, "packshot", ("blue", 0.7), ("white", 0.02))
    assert shop.mismatches("a") == found


def test_a_colour_on_any_photo_is_enough(shop: Reviewed) -> None:
    front, back = shop.product("a", {}, {}, title="Red dress")
    shop.facts(front, "packshot", ("blue", 0.7))
    assert len(shop.mismatches("a")) == 1
    shop.facts(back, "lifestyle", ("green", 0.5), ("dark red", 0.2))
    assert shop.mismatches("a") == []


def test_a_shade_without_a_plain_name_may_be_any(shop: Reviewed) -> None:
    (photo,) = shop.product("a", {}, title="Blue jeans")
    shop.facts(photo, "packshot", ("brown", 0.5), ("denim", 0.4))
    assert shop.mismatches("a") == []
