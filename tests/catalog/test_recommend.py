"""What a shopper is shown, and what goes with a product: by what was done, with reasons that are true."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
import sqlalchemy as sa

from catalog import locks
from catalog.errors import BadShopper, UnknownSku
from catalog.interactions import forget
from catalog.recommend import content, for_shopper, goes_with, knows, refresh, refreshing, why_nothing
from catalog.recommend.history import history, interests
from catalog.search.hits import Hit
from tests.catalog.bazaar import Bazaar
from tests.catalog.shop import add_product, execute, plan, rows


@pytest.fixture
def bazaar(engine: sa.Engine) -> Bazaar:
    return Bazaar(engine)


def shown(bazaar: Bazaar, shopper: str, size: int = 20) -> list[Hit]:
    with bazaar.engine.connect() as connection:
        return list(for_shopper(connection, shopper, size=size))


def skus(hits: list[Hit]) -> list[str]:
    return [hit.sku for hit in hits]


def beside(bazaar: Bazaar, sku: str, size: int = 12) -> dict[str, tuple[str, ...]]:
    with bazaar.engine.connect() as connection:
        return {hit.sku: hit.reasons for hit in goes_with(connection, sku, size=size)}


def test_what_looks_alike_is_shown_and_why(bazaar: Bazaar) -> None:
    bazaar.product("red-1", "Dresses", 1, 0, 0)
    red = bazaar.product("red-2", "Dresses", 0.9, 0.1, 0)
    bazaar.product("blue-1", "Dresses", 0, 0.1, 1)
    bazaar.does("anna", "view red-1")
    first, second = shown(bazaar, "anna")
    assert (first.sku, second.sku, first.product_id) == ("red-2", "blue-1", red)
    assert first.reasons == ("because you looked at red-1",)
    assert first.object_key is not None
    assert first.score > second.score


def test_a_click_counts_at_once_and_fades_with_time(bazaar: Bazaar) -> None:
    for number in range(3):
        bazaar.product(f"shoe-{number}", "Shoes", 1, 0, number / 10)
        bazaar.product(f"bag-{number}", "Bags", 0, 1, number / 10)
    bazaar.does("anna", "purchase shoe-0", days_ago=100)
    assert shown(bazaar, "anna")[0].sku == "shoe-1"
    bazaar.does("anna", "cart bag-0")
    first = shown(bazaar, "anna")[0]
    assert (first.sku, first.reasons) == ("bag-1", ("because you put in the cart bag-0",))
    bazaar.does("ben", "view bag-0", "purchase shoe-0")  # of the same day, what was bought counts more
    assert shown(bazaar, "ben")[0].sku == "shoe-1"


def test_a_product_of_many_photos_does_not_hide_what_is_like_it(bazaar: Bazaar) -> None:
    bazaar.product("red-1", "Dresses", 1, 0, 0, photos=content.NEAREST + 10)
    bazaar.product("red-2", "Dresses", 0.9, 0.1, 0)
    bazaar.does("anna", "view red-1")
    assert shown(bazaar, "anna")[0].reasons == ("because you looked at red-1",)


def test_a_photo_that_very_many_products_show_names_some_of_them(bazaar: Bazaar) -> None:
    bazaar.product("none-0", "Dresses", 1, 0, 0)
    ((photo,),) = rows(bazaar.engine, "SELECT image_id FROM product_images")
    for number in range(1, content.SHARING + 10):
        add_product(bazaar.engine, f"none-{number}", [photo])
    bazaar.does("anna", "view none-0")
    with bazaar.engine.connect() as connection:
        seeds = history(connection, "anna")
        (found,) = content.alike(connection, interests(seeds), [seed.product_id for seed in seeds])
    assert len(found) == content.SHARING


def test_each_taste_has_its_share(bazaar: Bazaar) -> None:
    """The mean of both would lie at the lamp, which is near neither."""
    for number in range(8):
        bazaar.product(f"shoe-{number}", "Shoes", 1, 0, number / 50)
        bazaar.product(f"bag-{number}", "Bags", 0, 1, number / 50)
    bazaar.product("lamp", "Lamps", 1, 1, 0)
    bazaar.does("anna", "cart shoe-0", "cart bag-0")
    found = skus(shown(bazaar, "anna", 4))
    assert {sku.split("-")[0] for sku in found} == {"shoe", "bag"}


def test_what_was_bought_is_left_out_in_all_variants(bazaar: Bazaar) -> None:
    bazaar.product("shirt-m", "Shirts", 1, 0, parent="shirt")
    bazaar.product("shirt-l", "Shirts", 1, 0, parent="shirt")
    bazaar.product("shirt", "Shirts", 1, 0)
    bazaar.product("polo", "Shirts", 1, 0.1)
    bazaar.does("anna", "purchase shirt-m", days_ago=3000)
    bazaar.does("anna", "view polo")
    assert skus(shown(bazaar, "anna")) == []
    assert set(skus(shown(bazaar, "ben"))) >= {"polo"}


def test_lists_are_varied(bazaar: Bazaar) -> None:
    for number in range(12):
        bazaar.product(f"shoe-{number}", "Shoes", 1, number / 100)
    for number in range(4):
        bazaar.product(f"hat-{number}", "Hats", 0.5, 1)
        bazaar.product(f"red-{number}", "Shirts", 1, 0.01, parent="red")
    bazaar.does("anna", "view shoe-0")
    found = skus(shown(bazaar, "anna", 6))
    kinds = [sku.split("-")[0] for sku in found]
    assert (len(found), kinds.count("shoe"), kinds.count("red")) == (6, 3, 1)
    assert len(skus(shown(bazaar, "anna", 15))) == 15  # half of a category, unless there is nothing else


def test_what_others_took_with_it_is_shown_and_why(bazaar: Bazaar) -> None:
    for sku, category in (("shoe", "Shoes"), ("sock", "Socks"), ("boot", "Shoes"), ("hat", "Hats")):
        bazaar.product(sku, category)
    for name in ("ben", "carl"):
        bazaar.does(name, "cart shoe", "purchase sock", "view boot")
    bazaar.does("dora", "purchase shoe", "purchase hat")
    assert bazaar.refresh().pairs == 8  # the hat was taken with the shoe by one alone
    bazaar.does("anna", "view shoe")
    found = {hit.sku: hit.reasons for hit in shown(bazaar, "anna")}
    assert found["sock"][0] == "bought or put in the cart together with shoe"
    assert found["boot"] == ("seen by shoppers who saw shoe", "popular in Shoes")
    assert found["hat"] == ("popular in Hats",)


def test_a_stranger_gets_what_is_popular_these_days(bazaar: Bazaar) -> None:
    for number in range(3):
        bazaar.product(f"shoe-{number}", "Shoes")
    bazaar.product("hat", "Hats")
    for name in ("ben", "carl", "dora", "emil"):
        bazaar.does(name, "view shoe-1", days_ago=150)
    for name in ("ben", "carl"):
        bazaar.does(name, "view shoe-2")
    bazaar.does("robot", *["view hat"] * 50)
    bazaar.refresh()
    with bazaar.engine.connect() as connection:
        assert [knows(connection, name) for name in ("ben", "stranger")] == [True, False]
    told = [(hit.sku, hit.reasons[0]) for hit in shown(bazaar, "stranger")]
    assert told[:2] == [("shoe-2", "popular in Shoes"), ("hat", "popular in Hats")]
    assert ("shoe-0", "new in Shoes") in told
    execute(bazaar.engine, "UPDATE products SET category = 'Boots' WHERE sku = 'shoe-2'")
    assert {hit.sku: hit.reasons for hit in shown(bazaar, "stranger")}["shoe-2"] == ("new in Boots",)


def test_shared_tags_go_before_others(bazaar: Bazaar) -> None:
    bazaar.product("a", "Shirts", 1, 0, tags=("striped",))
    bazaar.product("b", "Shirts", 1, 0.1, tags=("plain",))
    bazaar.product("c", "Shirts", 1, 0.2, tags=("striped",))
    bazaar.does("anna", "view a")
    assert skus(shown(bazaar, "anna")) == ["c", "b"]
    said = "INSERT INTO overrides SELECT id, 'striped', sku = 'b', 'ben' FROM products WHERE sku <> 'a'"
    execute(bazaar.engine, said)
    assert skus(shown(bazaar, "anna")) == ["b", "c"]  # people's word counts at once


def test_the_index_over_embeddings_is_used(bazaar: Bazaar) -> None:
    for number in range(30):
        bazaar.product(f"shoe-{number}", "Shoes", 1, number / 30, 1)
    execute(
        bazaar.engine,
        f"""
        CREATE INDEX near ON embeddings USING hnsw ((embedding::halfvec(3)) halfvec_cosine_ops)
        WHERE model_version_id = {bazaar.embedder}
        """,
    )
    query = sa.text(f"EXPLAIN {content._query(bazaar.embedder, 3, 50).text}")
    given = {"products": [1], "numbers": [0], "weights": [1.0], "known": [1]}
    with bazaar.engine.begin() as connection:
        connection.execute(sa.text("SET LOCAL enable_sort = off"))
        plan = "\n".join(connection.scalars(query, given))
    assert "Index Scan using near" in plan
    bazaar.does("anna", "view shoe-0")
    assert shown(bazaar, "anna")[0].sku == "shoe-1"


def test_what_goes_with_a_product_is_of_other_categories(bazaar: Bazaar) -> None:
    for sku, category in (("shoe-40", "Shoes"), ("shoe-41", "Shoes"), ("boot", "Shoes"), ("sock", "Socks")):
        bazaar.product(sku, category, parent="shoe" if sku.startswith("shoe-") else None)
    bazaar.product("polish", "Shoe care")
    bazaar.product("lamp", "Lamps")
    for name in ("ben", "carl"):
        bazaar.does(name, "cart shoe-40", "purchase sock", "cart boot", "view lamp")
        bazaar.does(name, "purchase shoe-40", "cart shoe-41", days_ago=2)
        bazaar.does(name, "purchase lamp", days_ago=60)
    bazaar.refresh()
    told = beside(bazaar, "shoe-41")
    assert [*told] == ["sock"]
    assert told["sock"] == (
        "bought or put in the cart with it by 2 shoppers",
        "popular in Socks, which goes with Shoes",
    )
    assert beside(bazaar, "polish") == {}
    bazaar.product("sandal", "Shoes")
    assert beside(bazaar, "sandal") == {"sock": ("popular in Socks, which goes with Shoes",)}


def test_a_product_without_a_category_goes_with_what_is_popular(bazaar: Bazaar) -> None:
    bazaar.product("plain")
    bazaar.product("sock", "Socks")
    bazaar.does("ben", "purchase sock", "view plain")
    bazaar.refresh()
    assert beside(bazaar, "plain") == {"sock": ("popular in Socks",)}


def test_it_is_said_why_nothing_goes_with_a_product(bazaar: Bazaar) -> None:
    def reason() -> str:
        with bazaar.engine.connect() as connection:
            return why_nothing(connection, "sock")

    bazaar.product("sock", "Socks")
    assert "shoppers load" in reason()
    bazaar.does("ben", "purchase sock")
    assert "shoppers refresh" in reason()
    bazaar.refresh()
    assert reason() == (
        "fewer than two shoppers took sock with one same product of another category, "
        "and no category goes with Socks"
    )


def test_what_has_no_photo_to_show_is_not_recommended(bazaar: Bazaar) -> None:
    for sku in ("whole", "broken", "half"):
        bazaar.product(sku, "Shirts", photos=2 if sku == "half" else 1)
    add_product(bazaar.engine, "bare")
    images = (
        "SELECT pi.image_id FROM product_images pi JOIN products p ON p.id = pi.product_id WHERE sku = :sku"
    )
    broken, half = (rows(bazaar.engine, f"{images} ORDER BY 1", sku=sku) for sku in ("broken", "half"))
    first = [broken[0][0], half[0][0]]
    plan(bazaar.engine, first, bazaar.tagger)
    execute(
        bazaar.engine,
        "UPDATE work_items SET state = 'quarantined', finished_at = now(), error_code = 'x', error_reason = 'x'",
    )
    hits = {hit.sku: hit.image_id for hit in shown(bazaar, "a stranger")}
    assert hits.keys() == {"whole", "half"}
    assert hits["half"] == half[1][0]
    plan(bazaar.engine, first, bazaar.embedder)
    execute(
        bazaar.engine, "UPDATE work_items SET state = 'done', finished_at = now() WHERE state = 'pending'"
    )
    assert set(skus(shown(bazaar, "a stranger"))) == {"whole", "half", "broken"}


@pytest.mark.parametrize("sku", ["nobody", "", "a\0b", "\ud800", "x" * 10_000, "%_'\"\\;", "\u202ea"])
def test_an_unknown_product_is_named(bazaar: Bazaar, sku: str) -> None:
    with pytest.raises(UnknownSku, match="no product"):
        beside(bazaar, sku)


@pytest.mark.parametrize("shopper", ["", "a\0b", "\ud800", "x" * 10_000])
def test_what_is_no_shopper_is_refused(bazaar: Bazaar, shopper: str) -> None:
    with pytest.raises(BadShopper):
        shown(bazaar, shopper)


@pytest.mark.parametrize("shopper", ["%", "_", "anna'; DROP TABLE products; --", "👟", "{a,b}", "מתן"])
def test_a_strange_name_is_only_a_name(bazaar: Bazaar, shopper: str) -> None:
    bazaar.product("a", "Shirts", 1, 0)
    bazaar.product("b", "Shirts", 1, 0.1)
    bazaar.does("anna", "purchase a")
    assert set(skus(shown(bazaar, shopper))) == {"a", "b"}
    bazaar.does(shopper, "purchase b")
    assert skus(shown(bazaar, shopper)) == ["a"]


def test_an_empty_shop_has_nothing_to_show(bazaar: Bazaar) -> None:
    assert bazaar.refresh() == refreshing.Refreshed(0, 0, 0)
    assert shown(bazaar, "anna") == []


def test_readers_see_the_old_until_all_of_the_new_is_there(
    bazaar: Bazaar, monkeypatch: pytest.MonkeyPatch
) -> None:
    for sku, category in (("shoe", "Shoes"), ("sock", "Socks")):
        bazaar.product(sku, category)
    for name in ("ben", "carl"):
        bazaar.does(name, "cart shoe", "cart sock")
    bazaar.refresh()
    before = rows(
        bazaar.engine, "SELECT product_id, kind, other_id, shoppers FROM product_pairs ORDER BY 1, 2"
    )
    bazaar.does("dora", "cart shoe", "cart sock")
    half, go_on = Event(), Event()

    @sa.event.listens_for(bazaar.engine, "after_cursor_execute")
    def _stop(*told: object) -> None:
        if "DELETE FROM product_pairs" in str(told[2]):
            half.set()
            assert go_on.wait(20)

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(refresh, bazaar.engine)
        assert half.wait(20)
        during = rows(
            bazaar.engine, "SELECT product_id, kind, other_id, shoppers FROM product_pairs ORDER BY 1, 2"
        )
        told = beside(bazaar, "shoe")
        go_on.set()
        assert running.result() is not None
    assert during == before
    assert "2 shoppers" in told["sock"][0]
    assert "3 shoppers" in beside(bazaar, "shoe")["sock"][0]


def test_one_refreshes_at_a_time(bazaar: Bazaar) -> None:
    with locks.turn(bazaar.engine, "shoppers"):
        assert refresh(bazaar.engine) is None
    assert refresh(bazaar.engine) is not None


def test_a_robot_makes_no_million_pairs(bazaar: Bazaar, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(refreshing.PRODUCTS + 20):
        bazaar.product(f"p-{number:03}", "Shoes")
    acts = [f"view p-{number:03}" for number in range(refreshing.PRODUCTS + 20)]
    for name in ("robot", "spider"):
        bazaar.does(name, *acts)
    assert bazaar.refresh().popular == refreshing.PRODUCTS
    query = "SELECT count(*) FROM product_pairs GROUP BY product_id ORDER BY 1 DESC LIMIT 1"
    ((most,),) = rows(bazaar.engine, query)
    assert most == refreshing.PAIRS


def test_who_is_forgotten_counts_no_more_after_a_refresh(bazaar: Bazaar) -> None:
    for sku, category in (("shoe", "Shoes"), ("sock", "Socks")):
        bazaar.product(sku, category)
    for name in ("ben", "carl"):
        bazaar.does(name, "cart shoe", "cart sock")
    bazaar.refresh()
    with bazaar.engine.begin() as connection:
        forget(connection, "ben")
    assert beside(bazaar, "shoe") != {}
    bazaar.refresh()
    assert beside(bazaar, "shoe") == {}
