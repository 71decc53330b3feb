"""What all photos of a product say together, on cases whose answer is clear."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from catalog.review import Decision, decide
from tests.catalog.reviewed import Reviewed
from tests.catalog.shop import add_version, execute, rows

DRESS, SHIRT = {"Dress": 0.9, "Shirt": 0.1}, {"Shirt": 0.9, "Dress": 0.1}


@pytest.fixture
def shop(engine: sa.Engine) -> Reviewed:
    return Reviewed(engine)


def say(shop: Reviewed, sku: str, label: str, accepted: bool | None) -> None:
    with shop.engine.begin() as connection:
        decide(connection, [Decision(sku, label, accepted)], "anna")


def test_one_photo_is_its_product_s_verdict(shop: Reviewed) -> None:
    shop.product("a", {"Dress": 0.75, "Shirt": 0.25})
    verdict = shop.verdict("a")
    assert (verdict["label"], verdict["score"], verdict["counts"], verdict["origin"]) == (
        "Dress",
        0.75,
        True,
        "model",
    )
    assert (verdict["photos"], verdict["agreeing"], verdict["disagreeing"]) == (1, 1, 0)


def test_photos_that_agree_score_their_mean_with_the_main_photo_counted_twice(shop: Reviewed) -> None:
    shop.product("a", {"Dress": 0.9}, {"Dress": 0.6})
    assert shop.verdict("a")["score"] == pytest.approx((2 * 0.9 + 0.6) / 3)


def test_the_main_photo_wins_against_one_other_and_not_against_three(shop: Reviewed) -> None:
    shop.product("two", DRESS, SHIRT)
    shop.product("four", DRESS, SHIRT, SHIRT, SHIRT)
    two, four = shop.verdict("two"), shop.verdict("four")
    assert (two["label"], two["agreeing"], two["disagreeing"]) == ("Dress", 1, 1)
    assert two["disagreement"] == pytest.approx(1 / 3)
    assert (four["label"], four["agreeing"], four["disagreeing"]) == ("Shirt", 3, 1)


def test_a_packshot_outweighs_a_scene_and_photos_without_facts_lie_between(shop: Reviewed) -> None:
    _, scene, packshot = shop.product("a", {"Bag": 0.4}, SHIRT, DRESS)
    assert shop.verdict("a")["label"] == "Dress"  # by name: nothing is known of either
    shop.facts(scene, "packshot")
    shop.facts(packshot, "lifestyle")
    assert shop.verdict("a")["label"] == "Shirt"
    execute(shop.engine, "UPDATE photo_facts SET background = 'lifestyle'")
    execute(shop.engine, "UPDATE photo_facts SET background = 'packshot' WHERE image_id = :id", id=packshot)
    assert shop.verdict("a")["label"] == "Dress"


def test_one_odd_photo_among_many_costs_less_than_its_share(shop: Reviewed) -> None:
    shop.product("a", DRESS, DRESS, DRESS, SHIRT)
    plain = (4 * 0.9 + 0.1) / 5
    assert shop.verdict("a")["score"] > plain + 0.05


def test_a_photo_that_knows_nothing_does_not_outvote_a_sure_one(shop: Reviewed) -> None:
    shop.product("a", {"Shirt": 0.3, "Dress": 0.2}, {"Dress": 0.95})
    verdict = shop.verdict("a")
    assert (verdict["label"], verdict["disagreeing"]) == ("Dress", 0)


def test_scores_stay_between_those_of_the_photos(shop: Reviewed) -> None:
    shop.product(
        "a", {"Dress": 0.5, "Shirt": 0.5}, {"Dress": 0.7, "Shirt": 0.3}, {"Shirt": 0.8, "Dress": 0.2}
    )
    found = dict(rows(shop.engine, "SELECT label, score FROM product_scores"))
    assert 0.2 <= found["Dress"] <= 0.7
    assert 0.3 <= found["Shirt"] <= 0.8
    assert sum(found.values()) == pytest.approx(1)


def test_scores_of_nought_are_no_division_by_nought(shop: Reviewed) -> None:
    shop.product("a", {"Dress": 0.0}, {"Shirt": 0.0})
    assert shop.verdict("a")["counts"] is False


def test_a_person_s_word_beats_all_photos(shop: Reviewed) -> None:
    shop.product("a", DRESS, DRESS)
    say(shop, "a", "Bag", True)
    verdict = shop.verdict("a")
    assert (verdict["label"], verdict["score"], verdict["origin"], verdict["counts"]) == (
        "Bag",
        1,
        "person",
        True,
    )
    say(shop, "a", "Bag", None)
    say(shop, "a", "Dress", False)
    verdict = shop.verdict("a")
    assert (verdict["label"], verdict["counts"], verdict["disagreeing"]) == ("Shirt", False, 0)


def test_a_product_without_photos_has_the_verdict_of_a_person_only(shop: Reviewed) -> None:
    shop.product("a")
    assert rows(shop.engine, "SELECT * FROM product_verdicts") == []
    say(shop, "a", "Bag", True)
    assert (shop.verdict("a")["label"], shop.verdict("a")["photos"]) == ("Bag", 0)


def test_people_s_word_outlives_another_version_and_its_promotion(shop: Reviewed) -> None:
    (photo,) = shop.product("a", DRESS)
    say(shop, "a", "Dress", False)
    second = add_version(shop.engine, "product-type", 2, labels=["Dress", "Shirt"])
    shop.score(photo, second.id, {"Dress": 0.99, "Shirt": 0.6})
    execute(shop.engine, "UPDATE model_versions SET state = 'retired' WHERE version = 1")
    execute(shop.engine, "UPDATE model_versions SET state = 'serving' WHERE version = 2")
    assert (shop.verdict("a")["label"], shop.verdict("a")["model_version"]) == ("Shirt", 2)
    assert rows(shop.engine, "SELECT label FROM product_tags") == [("Shirt",)]


def test_thresholds_count_at_once(shop: Reviewed) -> None:
    shop.product("a", {"Dress": 0.7})
    execute(
        shop.engine,
        "INSERT INTO thresholds (model_name, label, threshold) VALUES ('product-type', 'Dress', 0.8)",
    )
    assert (shop.verdict("a")["counts"], shop.verdict("a")["threshold"]) == (False, pytest.approx(0.8))


def test_one_product_is_looked_up_and_a_list_of_products_is_joined_through_indexes(shop: Reviewed) -> None:
    """Whatever their number: no plan reads a table of results from end to end."""
    for n in range(40):
        shop.product(f"sku {n}", DRESS, SHIRT)
    listed = "JOIN unnest(ARRAY[1, 2, 3]) one (id) ON one.id = product_id"
    with shop.engine.begin() as connection:
        connection.execute(sa.text("SET LOCAL enable_seqscan = off"))
        for view in ("product_scores", "product_verdicts", "product_categories", "product_mismatches"):
            for question in (f"SELECT * FROM {view} WHERE sku = 'sku 7'", f"SELECT * FROM {view} {listed}"):
                lines = connection.execute(sa.text(f"EXPLAIN {question}")).scalars().all()
                plan = "\n".join(lines)
                assert "Seq Scan on classifications" not in plan, question
                assert "Seq Scan on product_images" not in plan, question
