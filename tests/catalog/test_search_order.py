"""What comes first: the thing that the words name, of these what has the other words; and facets of the same."""

from __future__ import annotations

from decimal import Decimal

import pytest
import sqlalchemy as sa

from catalog.errors import BadQuery
from catalog.review import taxonomy
from catalog.review.taxonomy import Rule
from catalog.search import Chosen, Meaning, facets, ranking
from catalog.search import chosen as where_chosen
from catalog.search.asking import ask
from catalog.search.chosen import Where
from tests.catalog.searched import ANY, Thing, add, add_colour, look, meaning, open_shop, read_all, skus
from tests.catalog.shop import add_version

SNEAKER, BAG, DRESS = (("Sneaker", 0.9),), (("Bag", 0.9),), (("Dress", 0.95),)
THINGS = (
    Thing("SHOE-RED", "Runner 300", "Acme", tags=SNEAKER),
    Thing("SHOE-BLUE", "Runner 400", "Acme", tags=(("Sneaker", 0.99),)),
    Thing("SHOE-OF-LEATHER", "Runner 500 of leather", "Acme", tags=(("Sneaker", 0.7),)),
    Thing("CHINOS", "Red chinos", "Bolt"),
    Thing("DRESS", "Red dress, red belt", "Bolt", tags=DRESS),
    Thing("BAG-RED", "Weekender", "Bolt", tags=(("Bag", 0.6),)),
    Thing("BAG-PINK", "City bag", "McQueen", tags=BAG),
    Thing("BAG-TITLE", "Red bag"),
)
RED = ("SHOE-RED", "CHINOS", "DRESS", "BAG-RED")


@pytest.fixture
def shop(engine: sa.Engine) -> sa.Engine:
    made = open_shop(engine)
    add_version(engine, "bags", labels=["Bag"])
    add(engine, made, *THINGS)
    for sku, colour in {**dict.fromkeys(RED, "red"), "SHOE-BLUE": "blue", "BAG-PINK": "pink"}.items():
        add_colour(engine, made, sku, colour)
    read_all(engine, meaning())
    return engine


@pytest.mark.parametrize("words", ["red trainers", "red sneakers", "RED SNEAKER"])
def test_red_trainers_are_trainers_first_red_ones_before_others(shop: sa.Engine, words: str) -> None:
    found = skus(look(shop, words, embedder=meaning()))
    assert found[0] == "SHOE-RED"
    assert set(found[1:3]) == {"SHOE-BLUE", "SHOE-OF-LEATHER"}
    assert set(found[3:]) <= {"CHINOS", "DRESS", "BAG-RED", "BAG-PINK", "BAG-TITLE"}


@pytest.mark.parametrize("words", ["red", "RED", "red red"])
def test_a_colour_alone_is_near_to_no_label(shop: sa.Engine, words: str) -> None:
    page = look(shop, words, embedder=meaning())
    assert set(skus(page)[:5]) == {*RED, "BAG-TITLE"}
    assert not [hit for hit in page.hits if any("near" in reason for reason in hit.reasons)]


def test_of_labels_in_one_category_that_whose_own_name_is_nearest_comes_first(engine: sa.Engine) -> None:
    """All are shoes, which trainers are near to; sneakers are what was meant."""
    made = open_shop(engine)
    add_version(engine, "shoes", labels=["Sandal"])
    add(
        engine,
        made,
        Thing("SANDAL", "Runner", tags=(("Sandal", 1.0),)),
        Thing("SNEAKER", "Runner", tags=SNEAKER),
    )
    rules = [("product-type", "Sneaker"), ("product-type", "Ankle boot"), ("shoes", "Sandal")]
    with engine.begin() as connection:
        taxonomy.replace(connection, [Rule(model, label, "Shoes", {}) for model, label in rules])
    read_all(engine, meaning())
    assert skus(look(engine, "trainers", embedder=meaning()))[:2] == ["SNEAKER", "SANDAL"]


@pytest.mark.parametrize("embedder", [None, meaning()], ids=["words", "meaning"])
def test_red_bags_are_bags_first_red_ones_before_others(shop: sa.Engine, embedder: Meaning | None) -> None:
    page = look(shop, "red bag", embedder=embedder)
    found = skus(page)
    assert set(found[:2]) == {"BAG-RED", "BAG-TITLE"}  # one says so, of the other the photo shows it
    assert found[2] == "BAG-PINK"
    assert "CHINOS" in found[3:]
    scores = [hit.score for hit in page.hits]
    assert scores == sorted(scores, reverse=True)
    assert all(0 < score <= 1 for score in scores)


def test_other_words_order_the_things(shop: sa.Engine) -> None:
    assert skus(look(shop, "leather sneakers", embedder=meaning()))[0] == "SHOE-OF-LEATHER"
    assert skus(look(shop, "bolt bag", embedder=meaning()))[0] == "BAG-RED"


def test_the_order_of_pages_is_that_of_one_page(shop: sa.Engine) -> None:
    whole = skus(look(shop, "red bag", embedder=meaning()))
    first = look(shop, "red bag", size=2, embedder=meaning())
    rest = look(shop, "red bag", size=200, after=first.after, embedder=meaning())
    assert skus(first) + skus(rest) == whole


@pytest.mark.parametrize("typed", ["snaeker", "sneker", "snekers", "Sneakerr"])
def test_misspelt_labels_are_corrected(shop: sa.Engine, typed: str) -> None:
    page = look(shop, typed, embedder=meaning())
    assert set(skus(page)[:3]) == {"SHOE-RED", "SHOE-BLUE", "SHOE-OF-LEATHER"}
    assert any(reason.startswith("showing results for 'sneaker") for reason in page.hits[0].reasons)


@pytest.mark.parametrize("words", ["DEMO-0174", "asdf qwer", "snorkel"])
def test_texts_that_are_hardly_alike_are_not_shown_alone(shop: sa.Engine, words: str) -> None:
    assert look(shop, words, embedder=meaning()).hits == ()


@pytest.mark.parametrize("words", ["trainers", "red trainers", "red bag", "evening gown", "CHINOS", "zzzz"])
def test_facets_are_of_what_is_found(shop: sa.Engine, words: str) -> None:
    found = look(shop, words, size=200, embedder=meaning())
    with shop.connect() as connection:
        counted = {facet.name: facet for facet in facets(connection, words, ANY, meaning=meaning())}
    brands = [hit.brand for hit in found.hits if hit.brand]
    values = counted["brands"].values if brands else ()
    assert {one.value: one.count for one in values} == {brand: brands.count(brand) for brand in brands}
    if words == "trainers":
        assert [(one.value, one.count) for one in counted["tags"].values][:1] == [("Sneaker", 3)]


@pytest.mark.parametrize(
    ("chosen", "found"),
    [
        (Chosen(brands=("bolt",)), {"CHINOS", "DRESS", "BAG-RED"}),
        (Chosen(brands=("mcqueen",)), {"BAG-PINK"}),
        (Chosen(brands=("MCQUEEN", "acme"), tags=("sneaker", "BAG"), colours=(" Red",)), {"SHOE-RED"}),
        (Chosen(colours=("PINK",), backgrounds=("Packshot",)), {"BAG-PINK"}),
        (Chosen(brands=("nobody",)), set()),
    ],
)
def test_what_is_chosen_is_known_in_any_case(shop: sa.Engine, chosen: Chosen, found: set[str]) -> None:
    assert set(skus(look(shop, "", chosen))) == found
    with shop.connect() as connection:
        marked = [one for facet in facets(connection, "", chosen) for one in facet.values if one.chosen]
    assert bool(marked) == bool(found)


@pytest.mark.parametrize(
    ("chosen", "told"),
    [
        (Chosen(colours=("rouge",)), "'rouge'.*black, .*yellow"),
        (Chosen(backgrounds=("packshots",)), "'packshots'.*packshot, lifestyle"),
    ],
)
def test_colours_and_backgrounds_that_there_are_not_are_told(
    shop: sa.Engine, chosen: Chosen, told: str
) -> None:
    with pytest.raises(BadQuery, match=told):
        look(shop, "dress", chosen)


def test_prices_go_up(shop: sa.Engine) -> None:
    with pytest.raises(BadQuery, match="price_from is 50 and price_to 20"):
        look(shop, "", Chosen(price_from=Decimal(50), price_to=Decimal(20)))


@pytest.mark.parametrize(("depth", "without_the_word"), [(4, {"TAGGED-9", "TAGGED-8"}), (5, None)])
def test_where_words_fill_all_pages_the_surest_with_a_tag_stand_beside_them(
    engine: sa.Engine, depth: int, without_the_word: set[str] | None
) -> None:
    made = open_shop(engine)
    said = [Thing(f"SAID-{n}", "Sneaker") for n in range(4)]
    tagged = [Thing(f"TAGGED-{n}", "Runner", tags=(("Sneaker", n / 10),)) for n in (6, 9, 7, 8)]
    names = dict(zip(add(engine, made, *said, *tagged), [one.sku for one in (*said, *tagged)], strict=True))
    read_all(engine)
    with engine.connect() as connection:
        found = ranking.candidates(connection, ask(connection, "sneaker", None), Where(), depth)
    skus_found = {names[product_id] for product_id, _ in found.ranked}
    assert skus_found == {one.sku for one in said} | (without_the_word or {one.sku for one in tagged})


def test_of_labels_that_are_named_those_that_are_chosen_are_not_crowded_out(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranking, "LOOKED_UP_POOL", 2)
    monkeypatch.setattr(where_chosen, "FEW", 0)  # as in a shop where many have either
    things = [Thing(f"SHOE-{n}", "Runner", tags=(("Sneaker", 0.99),)) for n in range(3)]
    things += [Thing(f"DRESS-{n}", "Runner", tags=DRESS) for n in range(2)]
    add(engine, open_shop(engine), *things)
    read_all(engine)
    assert set(skus(look(engine, "sneaker dress", Chosen(tags=("Dress",))))) == {"DRESS-0", "DRESS-1"}
