"""Search by words, tags, meaning and photos: what is found, why, and that pages do not drift."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
import sqlalchemy as sa

from catalog.errors import BadCursor, BadQuery, UnknownSku
from catalog.search import Chosen, Page, facets, names, near, similar
from tests.catalog.searched import (
    ANY,
    Thing,
    Versions,
    add,
    add_colour,
    look,
    meaning,
    open_shop,
    read_all,
    set_threshold,
    skus,
)
from tests.catalog.shop import execute

THINGS = (
    Thing("A-1", "Red summer dress", "Acme", "Clothing", price=Decimal(20), tags=(("Dress", 0.93),)),
    Thing("A-2", "Blue dress of linen", "Bolt", "Clothing", price=Decimal(40), tags=(("Dress", 0.8),)),
    Thing(
        "A-3", "Runner 300", "Acme", "Shoes", price=Decimal(60), tags=(("Sneaker", 0.93),), vector=(0.9, 0.3)
    ),
    Thing("A-4", "Café mug", "Acme", "Kitchen", "A dress code is not needed.", Decimal(5), vector=(0.0, 1.0)),
    Thing("A-5", None, None, None, tags=(("Sneaker", 0.45),), vector=(0.7, 0.7)),
)


@pytest.fixture
def versions(engine: sa.Engine) -> Versions:
    made = open_shop(engine)
    add(engine, made, *THINGS)
    read_all(engine, meaning())
    return made


def test_words_in_the_title_come_before_words_in_the_description(
    engine: sa.Engine, versions: Versions
) -> None:
    page = look(engine, "dress")
    assert set(skus(page)) == {"A-1", "A-2", "A-4"}
    assert skus(page)[2] == "A-4"
    why = {hit.sku: hit.reasons for hit in page.hits}
    assert why["A-1"] == ("title has 'dress'", "tag Dress 0.93")
    assert why["A-4"] == ("description has 'dress'",)
    assert page.after is None
    scores = [hit.score for hit in page.hits]
    assert scores == sorted(scores, reverse=True)
    assert all(0 < score <= 1 for score in scores)


def test_all_words_come_before_some(engine: sa.Engine, versions: Versions) -> None:
    found = look(engine, "red dresses")
    assert skus(found)[0] == "A-1"
    assert "title has 'red' and 'dresses'" in found.hits[0].reasons
    assert "A-2" in skus(found)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("dres", "dress"), ("drses", "dress"), ("sumer", "summer"), ("clothhing", "clothing")],
)
def test_misspelt_words(engine: sa.Engine, versions: Versions, typed: str, meant: str) -> None:
    first = look(engine, f"{typed} red")
    assert first.hits[0].sku == "A-1"
    assert f"showing results for '{meant} red'" in first.hits[0].reasons


def test_the_last_word_may_be_a_beginning(engine: sa.Engine, versions: Versions) -> None:
    found = look(engine, "red sum")
    assert found.hits[0].reasons[0] == "title has 'red' and 'sum'"
    assert not any("showing" in reason for hit in found.hits for reason in hit.reasons)


def test_accents_make_no_difference(engine: sa.Engine, versions: Versions) -> None:
    assert skus(look(engine, "CAFE"))[0] == skus(look(engine, "café"))[0] == "A-4"


def test_a_sku_finds_its_product_alone_in_any_case(engine: sa.Engine, versions: Versions) -> None:
    found = look(engine, " a-2 ", embedder=meaning())
    assert skus(found) == ["A-2"]
    assert found.hits[0].reasons == ("sku as it was typed",)


def test_labels_that_words_are_near_to(engine: sa.Engine, versions: Versions) -> None:
    assert look(engine, "trainers").hits == ()
    page = look(engine, "trainers", embedder=meaning())
    assert skus(page)[0] == "A-3"
    assert "tag Sneaker 0.93, near 'trainers'" in page.hits[0].reasons


def test_texts_that_mean_the_same(engine: sa.Engine, versions: Versions) -> None:
    page = look(engine, "evening gown", embedder=meaning())
    assert {"A-1", "A-2"} <= set(skus(page))
    assert any("alike in meaning" in reason for reason in page.hits[0].reasons)


def test_thresholds_and_a_persons_word_count_at_once(engine: sa.Engine, versions: Versions) -> None:
    assert skus(look(engine, "sneaker")) == ["A-3"]
    set_threshold(engine, "Sneaker", 0.4)
    assert skus(look(engine, "sneaker")) == ["A-3", "A-5"]
    execute(
        engine, "INSERT INTO overrides SELECT id, 'Sneaker', false, 'anna' FROM products WHERE sku = 'A-3'"
    )
    execute(
        engine, "INSERT INTO overrides SELECT id, 'Sneaker', true, 'anna' FROM products WHERE sku = 'A-4'"
    )
    page = look(engine, "sneaker")
    assert skus(page) == ["A-4", "A-5"]
    assert page.hits[0].reasons == ("tag Sneaker, said by a person",)


def test_what_changes_while_labels_are_read_is_not_kept(
    engine: sa.Engine, versions: Versions, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = names._read

    def reading(connection: sa.Connection) -> tuple[names.Name, ...]:
        set_threshold(engine, "Sneaker", 0.4)
        return read(connection)

    names._kept.clear()
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(names, "_read", reading)
        assert skus(look(engine, "sneaker")) == ["A-3", "A-5"]
    execute(engine, "DELETE FROM thresholds")
    assert skus(look(engine, "sneaker")) == ["A-3"]


def test_one_of_a_labels_names_is_enough(engine: sa.Engine, versions: Versions) -> None:
    add(engine, versions, Thing("T-1", tags=(("T-shirt/top", 0.9),)))
    assert skus(look(engine, "tops")) == skus(look(engine, "T-shirt")) == ["T-1"]


@pytest.mark.parametrize("words", ["Turnschuhe", "TURNSCHUHE", "rote Turnschuhe", "sport shoe"])
def test_names_of_the_shops_taxonomy_find_the_tag(engine: sa.Engine, versions: Versions, words: str) -> None:
    execute(
        engine,
        """
        INSERT INTO taxonomy
        VALUES ('product-type', 'Sneaker', 'Shoes > Sports shoes', '{"de": "Turnschühe", "fr": "Baskets"}')
        """,
    )
    page = look(engine, words)
    assert skus(page)[0] == "A-3"
    assert "tag Sneaker 0.93" in page.hits[0].reasons
    execute(engine, "DELETE FROM taxonomy")
    assert not any("tag" in reason for hit in look(engine, words).hits for reason in hit.reasons)


def test_a_version_that_serves_no_more_is_not_asked(engine: sa.Engine, versions: Versions) -> None:
    execute(engine, "UPDATE model_versions SET state = 'retired' WHERE task = 'classify'")
    assert look(engine, "sneaker").hits == ()


def test_a_word_that_is_a_colour_prefers_photos_of_that_colour(engine: sa.Engine, versions: Versions) -> None:
    add(engine, versions, *(Thing(f"S-{n}", "Sneaker", tags=(("Sneaker", 0.9),)) for n in range(5)))
    read_all(engine, meaning())
    add_colour(engine, versions, "S-2", "green")
    page = look(engine, "green sneaker")
    assert page.hits[0].sku == "S-2"
    assert "colour green" in page.hits[0].reasons
    chosen = Chosen(colours=("green",), backgrounds=("packshot",))
    assert skus(look(engine, "sneaker", chosen)) == skus(look(engine, "", chosen)) == ["S-2"]


@pytest.mark.parametrize(
    ("chosen", "found"),
    [
        (Chosen(brands=("Acme",)), ["A-4", "A-3", "A-1"]),
        (Chosen(categories=("Shoes", "Kitchen")), ["A-4", "A-3"]),
        (Chosen(tags=("Dress",), price_to=Decimal(30)), ["A-1"]),
        (Chosen(price_from=Decimal(20), price_to=Decimal(40)), ["A-2", "A-1"]),
        (Chosen(brands=("'; DROP TABLE products; --",)), []),
        (Chosen(colours=("red",)), []),
    ],
)
@pytest.mark.parametrize("few", [1000, 0])
def test_what_is_chosen_holds_for_every_way_to_search(
    engine: sa.Engine,
    versions: Versions,
    chosen: Chosen,
    found: list[str],
    few: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whether products are looked up first, or while others are searched."""
    monkeypatch.setattr("catalog.search.chosen.FEW", few)
    assert skus(look(engine, "", chosen)) == found
    with engine.connect() as connection:
        page = near(connection, versions.vectors, np.array([1, 0], np.float32), chosen)
        assert sorted(skus(page)) == sorted(found)
        whole = set(skus(look(engine, "dress sneaker", embedder=meaning())))
        assert set(skus(look(engine, "dress sneaker", chosen, meaning()))) == whole & set(found)
        alike = set(skus(similar(connection, "A-2", chosen)))
    assert alike == set(found) - {"A-2"}


def test_near_and_similar_tell_how_much_alike(engine: sa.Engine, versions: Versions) -> None:
    with engine.connect() as connection:
        page = near(connection, versions.vectors, np.array([1, 0], np.float32), ANY)
        assert skus(page) == ["A-2", "A-1", "A-3", "A-5", "A-4"]
        assert page.hits[2].score == pytest.approx(0.9 / np.hypot(0.9, 0.3), abs=1e-5)
        assert page.hits[2].reasons == ("photo 0.95 alike",)
        assert skus(similar(connection, "A-4", ANY, size=1)) == ["A-5"]
        with pytest.raises(UnknownSku, match="'nothing'"):
            similar(connection, "nothing", ANY)
        with pytest.raises(BadQuery, match="no vector"):
            near(connection, versions.vectors, np.array([np.nan, 1], np.float32), ANY)
    execute(engine, "DELETE FROM embeddings")
    with engine.connect() as connection:
        assert similar(connection, "A-4", ANY) == Page((), None)


def test_pages_show_each_product_once_while_others_are_added(engine: sa.Engine, versions: Versions) -> None:
    add(engine, versions, *(Thing(f"B-{n:02}", f"Green coat {n}") for n in range(30)))
    read_all(engine, meaning())
    whole = skus(look(engine, "green coat", size=200))
    assert len(whole) == 30
    browsed = skus(look(engine, "", size=200))
    for words, expected in (("green coat", whole), ("", browsed)):
        page, seen = look(engine, words, size=7), []
        while True:
            seen += skus(page)
            if page.after is None:
                break
            name = f"C-{len(seen)}-{words}"
            add(engine, versions, Thing(name, "Green coat green coat"))
            read_all(engine, meaning())
            page = look(engine, words, size=7, after=page.after)
        assert seen == expected
        execute(
            engine, "DELETE FROM product_images USING products p WHERE p.id = product_id AND p.sku LIKE 'C-%'"
        )
        execute(engine, "DELETE FROM products WHERE sku LIKE 'C-%'")


def test_a_product_that_is_gone_is_left_out_of_the_next_page(engine: sa.Engine, versions: Versions) -> None:
    first = look(engine, "dress", size=1)
    second = skus(look(engine, "dress", size=1, after=first.after))
    execute(
        engine,
        "DELETE FROM product_images USING products p WHERE p.id = product_id AND p.sku = :sku",
        sku=second[0],
    )
    execute(engine, "DELETE FROM overrides")
    execute(engine, "DELETE FROM products WHERE sku = :sku", sku=second[0])
    assert look(engine, "dress", size=1, after=first.after).hits == ()


def test_a_cursor_belongs_to_its_question(engine: sa.Engine, versions: Versions) -> None:
    after = look(engine, "dress", size=1).after
    assert after is not None
    altered = after[:-3] + ("AAA" if after[-3:] != "AAA" else "BBB")
    for wrong in (altered, "", "x", "é", "=" * 50, "A" * 10_000, after[:10], after + after):
        with pytest.raises(BadCursor):
            look(engine, "dress", size=1, after=wrong)
    for words, chosen in (("red", ANY), ("dress", Chosen(brands=("Acme",))), ("", ANY)):
        with pytest.raises(BadCursor):
            look(engine, words, chosen, size=1, after=after)


@pytest.mark.parametrize(
    "words",
    [
        "%_'\"\\;",
        "'; DROP TABLE products; --",
        "🙂 👗",
        "فستان أحمر",
        "a & | ! ( ) : * <-> b",
        "zzzzqqqq",
        "the",
        "連衣裙",
        "½ ﬁ",
    ],
)
def test_whatever_is_typed_has_an_answer(engine: sa.Engine, versions: Versions, words: str) -> None:
    assert len(look(engine, words, embedder=meaning()).hits) <= len(THINGS)
    with engine.connect() as connection:
        facets(connection, words, ANY)


@pytest.mark.parametrize("words", ["x" * 10_000, "red\0dress", "half \ud800"])
def test_what_is_no_text_is_told(engine: sa.Engine, words: str) -> None:
    with pytest.raises(BadQuery, match="the words"):
        look(engine, words)
    with pytest.raises(BadQuery, match="the brands"):
        look(engine, "red", Chosen(brands=(words,)))


@pytest.mark.parametrize("size", [0, -1, 201])
def test_pages_have_a_size(engine: sa.Engine, size: int) -> None:
    with pytest.raises(BadQuery, match="1 to 200"):
        look(engine, "red", size=size)


@pytest.mark.parametrize("price", ["-1", "NaN", "Infinity", "1e30"])
def test_prices_are_numbers(engine: sa.Engine, price: str) -> None:
    with pytest.raises(BadQuery, match="price_from"):
        look(engine, "", Chosen(price_from=Decimal(price)))


def test_facets_count_beside_what_is_chosen_in_others(engine: sa.Engine, versions: Versions) -> None:
    with engine.connect() as connection:
        found = {facet.name: facet for facet in facets(connection, "", ANY)}
        assert [(one.value, one.count) for one in found["brands"].values] == [("Acme", 3), ("Bolt", 1)]
        assert [(one.value, one.count) for one in found["tags"].values] == [("Dress", 2), ("Sneaker", 1)]
        assert (found["price_from"].values[0].value, found["price_to"].values[0].value) == (
            "5",
            "60",
        )
        assert all(facet.complete for facet in found.values())
        assert "colours" not in found
        chosen = Chosen(brands=("Bolt",))
        narrowed = {facet.name: facet for facet in facets(connection, "dress", chosen)}
    assert [(one.value, one.chosen) for one in narrowed["brands"].values] == [("Bolt", True), ("Acme", False)]
    assert [one.value for one in narrowed["categories"].values] == ["Clothing"]
    assert replace(narrowed["tags"], complete=True).values[0].count == 1


def test_a_price_that_is_chosen_is_counted_apart(engine: sa.Engine, versions: Versions) -> None:
    with engine.connect() as connection:
        found = {one.name: one for one in facets(connection, "", Chosen(price_from=Decimal(30)))}
    assert [(one.value, one.chosen) for one in found["price_from"].values] == [("5", True)]
    assert not found["price_to"].values[0].chosen
