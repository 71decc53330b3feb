"""Why a label is shown, or not."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from catalog.errors import UnknownLabel, UnknownSku
from catalog.review import Decision, Why, decide, why
from tests.catalog.reviewed import Reviewed
from tests.catalog.shop import execute


@pytest.fixture
def shop(engine: sa.Engine) -> Reviewed:
    made = Reviewed(engine)
    made.product("a", {"Dress": 0.7, "Shirt": 0.2}, {"Dress": 0.9, "Shirt": 0.05})
    return made


def ask(shop: Reviewed, label: str, sku: str = "a") -> Why:
    with shop.engine.connect() as connection:
        return why(connection, sku, label)


def say(shop: Reviewed, label: str, accepted: bool) -> None:
    with shop.engine.begin() as connection:
        decide(connection, [Decision("a", label, accepted)], "anna")


def test_a_label_that_a_photo_shows(shop: Reviewed) -> None:
    shop.map([("Dress", "Dresses")])
    found = ask(shop, "Dress")
    (opinion,) = found.opinions
    assert (found.shown, found.word) == (True, None)
    assert [(photo.position, photo.score) for photo in opinion.photos] == [
        (1, pytest.approx(0.9)),
        (0, pytest.approx(0.7)),
    ]
    assert (opinion.model, opinion.seen, opinion.threshold, opinion.threshold_of) == (
        "product-type@1",
        2,
        0.5,
        "default",
    )
    assert opinion.category == "Dresses"
    photo = opinion.photos[0].image_id
    assert found.sentence == (
        f"Shown: product-type@1 gives Dress 0.900 in photo {photo}, the best of 2, which reaches 0.5, which counts "
        "where no cut-off is set; the taxonomy maps Dress to Dresses."
    )


def test_a_label_below_its_cut_off(shop: Reviewed) -> None:
    execute(
        shop.engine,
        "INSERT INTO thresholds VALUES ('product-type', 'Dress', 0.95, now(), 0.95, 120, now()), "
        "('product-type', '', 0.3, now(), NULL, NULL, NULL)",
    )
    found = ask(shop, "Dress")
    assert not found.shown
    assert "below its own cut-off 0.950, fitted for 95% precision on 120 reviews" in found.sentence
    assert "below the model's cut-off 0.300" in ask(shop, "Shirt").sentence
    execute(shop.engine, "UPDATE thresholds SET threshold = 0.8, updated_at = now() + interval '1 second'")
    assert ask(shop, "Dress").opinions[0].target_precision is None
    assert "fitted" not in ask(shop, "Dress").sentence


def test_a_person_s_word_comes_first(shop: Reviewed) -> None:
    say(shop, "Dress", False)
    found = ask(shop, "Dress")
    assert not found.shown
    assert found.word is not None
    assert (found.word.author, found.word.accepted) == ("anna", False)
    assert found.sentence.startswith("Not shown: anna turned down Dress (20")
    assert "product-type@1 gives Dress 0.900" in found.sentence
    say(shop, "Bag", True)
    assert ask(shop, "Bag").shown
    assert ask(shop, "Bag").sentence.startswith("Shown: anna says it has Bag (20")


def test_a_label_that_no_photo_was_given(shop: Reviewed) -> None:
    found = ask(shop, "Bag")
    assert (found.shown, found.opinions[0].seen, found.opinions[0].photos) == (False, 2, ())
    assert (
        found.sentence == "Not shown: product-type@1 has seen 2 photos and has Bag not among the best labels."
    )
    shop.product("empty")
    assert "has seen no photo of the product" in ask(shop, "Bag", "empty").sentence


def test_a_label_of_a_version_that_serves_no_more(shop: Reviewed) -> None:
    execute(shop.engine, "UPDATE model_versions SET state = 'retired'")
    assert (
        ask(shop, "Dress").sentence == "Not shown: no serving classifier gives Dress, and nobody has said it."
    )


@pytest.mark.parametrize("text", ["", "x" * 10_000, "%_'\"\\;", "a\0b", "\ud800", "👗", "שמלה"])
def test_what_is_unknown_is_named(shop: Reviewed, text: str) -> None:
    with pytest.raises(UnknownSku):
        ask(shop, "Dress", text)
    with pytest.raises(UnknownLabel):
        ask(shop, text)
