"""Review queues: what is in them, in which order, and that paging neither repeats nor leaves out."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from catalog.errors import BadCursor
from catalog.review import Decision, Kind, ReviewItem, decide, dismiss, pages, queue
from catalog.review.walks import BEGINNINGS
from tests.catalog.reviewed import LABELS, Reviewed
from tests.catalog.shop import add_product, add_version, execute


@pytest.fixture
def shop(engine: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> Reviewed:
    steps = dict.fromkeys(Kind, (3,) * 15)  # so that pages need several looks
    monkeypatch.setattr("catalog.review.pages.STEPS", steps)
    return Reviewed(engine)


def walk(shop: Reviewed, kind: Kind, size: int = 2) -> list[ReviewItem]:
    """All items, page by page; every second one is decided before the next page is asked for."""
    found: list[ReviewItem] = []
    after = None
    while True:
        with shop.engine.begin() as connection:
            page = queue(connection, kind, size=size, after=after)
            for item in page.items[::2]:
                if item.label is not None:
                    decide(connection, [Decision(item.sku, item.label, True)], "anna")
        found += page.items
        if page.after is None:
            return found
        after = page.after


def test_the_uncertain_come_nearest_first_each_once_while_they_are_decided(shop: Reviewed) -> None:
    for n in range(15):
        score = 0.5 + (-1) ** n * (n + 1) * 0.012
        shop.product(f"sku {n:02}", {"Dress": score, "Shirt": 0.1})
    shop.product("sure", {"Dress": 0.99})
    found = walk(shop, Kind.UNCERTAIN)
    assert [item.sku for item in found] == [f"sku {n:02}" for n in range(15)]
    with shop.engine.connect() as connection:
        assert {item.sku for item in queue(connection, Kind.UNCERTAIN, size=99).items} == {
            item.sku for index, item in enumerate(found) if index % 2
        }


def test_an_uncertain_item_has_what_a_page_needs(shop: Reviewed) -> None:
    (photo,) = shop.product("a", {"Dress": 0.52, "Shirt": 0.3, "Bag": 0.1}, title="Red dress")
    with shop.engine.connect() as connection:
        (item,) = queue(connection, Kind.UNCERTAIN).items
    assert (item.sku, item.title, item.image_id, item.label) == ("a", "Red dress", photo, "Dress")
    assert item.object_key.startswith("images/")
    assert (item.score, item.threshold) == (pytest.approx(0.52), 0.5)
    assert [other.label for other in item.alternatives] == ["Shirt", "Bag"]
    assert item.reason == "the photos give Dress 0.52 together; it counts from 0.50"


def test_equal_scores_and_shared_photos_are_walked_past(shop: Reviewed) -> None:
    photos = [shop.product(f"sku {n}", {"Dress": 0.5, "Shirt": 0.5})[0] for n in range(8)]
    for n in range(4):
        add_product(shop.engine, f"twin {n}", photos[:1])
    found = [item.sku for item in walk(shop, Kind.UNCERTAIN)]
    assert sorted(found) == sorted([*(f"sku {n}" for n in range(8)), *(f"twin {n}" for n in range(4))])


@pytest.mark.parametrize("kind", [Kind.UNCERTAIN, Kind.MISMATCH])
def test_a_photo_of_many_products_takes_many_looks(shop: Reviewed, kind: Kind) -> None:
    (photo,) = shop.product("sku 0", {"Dress": 0.55}, category="Shoe")
    for n in range(1, 8):
        add_product(shop.engine, f"sku {n}", [photo])
    execute(shop.engine, "UPDATE products SET category = 'Shoe'")
    with shop.engine.connect() as connection:
        step = pages.STEPS[kind][0]
        assert len(pages._candidates(connection, kind, BEGINNINGS[kind], step)) == step
    assert [item.sku for item in walk(shop, kind)] == [f"sku {n}" for n in range(8)]


def test_a_label_that_was_turned_down_makes_way_for_the_next(shop: Reviewed) -> None:
    shop.product("a", {"Dress": 0.5, "Shirt": 0.4})
    with shop.engine.begin() as connection:
        decide(connection, [Decision("a", "Dress", False)], "anna")
        (item,) = queue(connection, Kind.UNCERTAIN).items
        assert item.label == "Shirt"
        decide(connection, [Decision("a", "Bag", True)], "anna")
        assert queue(connection, Kind.UNCERTAIN).items == ()


def test_photos_that_make_it_sure_together_are_not_uncertain(shop: Reviewed) -> None:
    shop.product("a", {"Dress": 0.55}, {"Dress": 0.99}, {"Dress": 0.99}, {"Dress": 0.99})
    with shop.engine.connect() as connection:
        assert queue(connection, Kind.UNCERTAIN).items == ()


def test_disagreeing_photos_come_with_the_newest_product_first(shop: Reviewed) -> None:
    for n in range(7):
        shop.product(f"odd {n}", {"Dress": 0.9}, {"Shirt": 0.8})
        shop.product(f"even {n}", {"Dress": 0.9}, {"Dress": 0.8})
    found = walk(shop, Kind.DISAGREEING)
    assert [item.sku for item in found] == [f"odd {n}" for n in range(6, -1, -1)]
    assert found[0].reason == "the 2 photos disagree: 1 Dress, 1 Shirt"
    assert [(other.label, other.agreeing) for other in found[0].alternatives] == [("Shirt", 1)]


def test_mismatches_come_surest_first_and_leave_when_dismissed(shop: Reviewed) -> None:
    for n in range(6):
        shop.product(f"sku {n}", {"Dress": 0.6 + n * 0.05}, category="Shoes")
        shop.product(f"fine {n}", {"Dress": 0.6 + n * 0.05}, category="Dresses")
    with shop.engine.begin() as connection:
        first = queue(connection, Kind.MISMATCH, size=2)
        assert [item.sku for item in first.items] == ["sku 5", "sku 4"]
        assert first.items[0].reason == "the feed says Shoes, the photos show Dress"
        assert dismiss(connection, "sku 5", "anna") == 1
        assert dismiss(connection, "sku 5", "anna") == 0
        second = queue(connection, Kind.MISMATCH, size=99, after=first.after)
        assert [item.sku for item in second.items] == [f"sku {n}" for n in (3, 2, 1, 0)]
        assert second.after is None
        assert len(queue(connection, Kind.MISMATCH, size=99).items) == 5


def test_a_product_of_many_photos_is_one_mismatch(shop: Reviewed) -> None:
    shop.product("a", {"Dress": 0.8}, {"Dress": 0.9}, {"Dress": 0.9}, category="Shoe")
    with shop.engine.connect() as connection:
        assert [item.score for item in queue(connection, Kind.MISMATCH).items] == [pytest.approx(0.85)]


def test_classifiers_that_share_labels_ask_once_each(shop: Reviewed) -> None:
    other = add_version(shop.engine, "another", labels=LABELS).id
    (photo,) = shop.product("a", {"Dress": 0.55, "Shirt": 0.2})
    shop.score(photo, other, {"Dress": 0.6, "Shirt": 0.3})
    with shop.engine.connect() as connection:
        found = queue(connection, Kind.UNCERTAIN).items
    assert [(item.model, item.label) for item in found] == [("product-type", "Dress"), ("another", "Dress")]


@pytest.mark.parametrize("score", [0.85, 0.9, 0.95])
def test_a_colour_is_one_mismatch_however_many_classifiers_serve(shop: Reviewed, score: float) -> None:
    other = add_version(shop.engine, "another", labels=LABELS).id
    (photo,) = shop.product("a", {"Dress": 0.9}, title="Red dress", category="Shoe")
    shop.score(photo, other, {"Dress": score})
    shop.facts(photo, "packshot", ("blue", 0.9))
    with shop.engine.connect() as connection:
        found = queue(connection, Kind.MISMATCH).items
    assert sorted((item.aspect, item.model) for item in found) == [
        ("category", "another"),
        ("category", "product-type"),
        ("colour", "photo-facts"),
    ]


def test_where_little_is_found_a_page_ends_and_says_where_to_go_on(
    shop: Reviewed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("catalog.review.pages.STEPS", dict.fromkeys(Kind, (3, 3)))
    shop.product("odd", {"Dress": 0.9}, {"Shirt": 0.8})
    for n in range(10):
        shop.product(f"even {n}", {"Dress": 0.9})
    with shop.engine.connect() as connection:
        page = queue(connection, Kind.DISAGREEING)
    assert page.items == ()
    assert page.after is not None
    assert [item.sku for item in walk(shop, Kind.DISAGREEING)] == ["odd"]


def test_an_empty_catalog_has_empty_queues(shop: Reviewed) -> None:
    with shop.engine.connect() as connection:
        assert [queue(connection, kind).after for kind in Kind] == [None, None, None]


def test_photos_without_products_are_walked_past(shop: Reviewed) -> None:
    for n in range(6):
        shop.product(f"sku {n}", {"Dress": 0.5})
    execute(shop.engine, "DELETE FROM product_images WHERE product_id <> (SELECT max(id) FROM products)")
    assert [item.sku for item in walk(shop, Kind.UNCERTAIN)] == ["sku 5"]


HOSTILE = [
    "",
    "x",
    "x" * 10_000,
    "%_'\"\\;",
    "\0",
    "\ud800",
    "👗",
    "WyJ1bmNlcnRhaW4iXQ",
    "W10",
    "MQ",
    "bnVsbA",
]
LONG = "WyJ1bmNlcnRhaW4iLCAwLjAsIDk5OTk5OTk5OTk5OTk5OTk5OTk5OTksICIiLCAxXQ"  # a number that no bigint holds


@pytest.mark.parametrize("after", [*HOSTILE, LONG])
def test_a_cursor_that_no_page_gave_is_refused(shop: Reviewed, after: str) -> None:
    with shop.engine.connect() as connection, pytest.raises(BadCursor, match="is no place in the queue"):
        queue(connection, Kind.UNCERTAIN, after=after)


def test_a_cursor_of_another_queue_is_refused(shop: Reviewed) -> None:
    for n in range(3):
        shop.product(f"sku {n}", {"Dress": 0.5})
    with shop.engine.connect() as connection:
        after = queue(connection, Kind.UNCERTAIN, size=1).after
        with pytest.raises(BadCursor, match="mismatch"):
            queue(connection, Kind.MISMATCH, after=after)
