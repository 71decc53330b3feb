"""Photos that are replaced behind their names: a product shows what lies there now, in its place."""

from __future__ import annotations

import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog import failures, jobs, promotion, stale, versions
from catalog.failures import Selection
from catalog.places import Link, arranged
from catalog.sources import Sources
from tests.catalog.shop import add_version, execute, rows
from tests.catalog.test_ingest import Shop, photo, shop

__all__ = ["shop"]


def links(text: str) -> list[Link]:
    """`A@a B@b`: photo A in the place a, photo B in b; `A@-a` has no place noted."""
    found = []
    for image, _, source in (word.partition("@") for word in text.split()):
        source, place = source.removeprefix("-"), None if source.startswith("-") else f"/{source}"
        found.append(Link(ord(image), source, place))
    return found


@pytest.mark.parametrize(
    ("before", "named", "after"),
    [
        ("", "A@a B@b", "A@a B@b"),
        ("A@a B@b", "C@a B@b", "C@a B@b"),
        ("A@a B@b", "B@a A@b", "B@a A@b"),  # they changed places
        ("A@1 B@2", "N@1 A@2 B@3", "N@1 A@2 B@3"),  # one is put before them
        ("A@1 B@2 C@3", "B@1 C@2", "B@1 C@2"),  # the first is gone, and the others were given its name
        ("A@a B@b", "A@a", "A@a B@b"),  # a manifest of some photos only
        ("A@a", "A@a A@b", "A@a"),
        ("A@a", "B@a A@b", "B@a A@b"),  # of two of a kind the first was replaced
        ("A@a", "A@a B@b", "A@a B@b"),  # and here the second
        ("A@a B@b", "B@a B@b", "B@a"),
        ("A@old B@b", "A@new", "A@new B@b"),  # the file moved
        ("A@a", "B@a C@a", "C@a"),  # it was read twice, and changed in between
        ("A@-a B@-b", "C@a B@b", "C@a B@b"),
        ("A@-a B@-a", "B@a", "B@a"),  # left over from before
        ("A@-other", "C@a", "A@-other C@a"),
    ],
)
def test_what_lies_in_a_place_now_stands_where_the_former_photo_stood(
    before: str, named: str, after: str
) -> None:
    assert arranged(links(before), links(named)) == links(after)


PLACES = st.lists(st.builds(lambda i, p: f"{i}@{p}", st.sampled_from("ABCD"), st.sampled_from("abcd")))


@given(PLACES, PLACES)
def test_whatever_is_named_is_shown_once_and_naming_it_again_changes_nothing(
    first: list[str], then: list[str]
) -> None:
    before, named = arranged([], links(" ".join(first))), links(" ".join(then))
    after = arranged(before, named)
    assert arranged(after, named) == after
    shown = [link.image_id for link in after]
    assert len(shown) == len(set(shown))
    assert {link.image_id for link in {link.place: link for link in named}.values()} <= set(shown)
    untouched = {link for link in before if link.place not in {n.place for n in named}}
    assert {link.image_id for link in untouched} <= set(shown)


@pytest.mark.parametrize(
    ("base", "reference", "place"),
    [
        ("/feed", "shoes/1.jpg", "/feed/shoes/1.jpg"),
        ("/feed/day", "./../shoes//1.jpg", "/feed/shoes/1.jpg"),
        ("/feed", "/srv/photos/1.jpg", "/srv/photos/1.jpg"),
        ("/feed", "s3://shop/1.jpg", "s3://shop/1.jpg"),
        ("s3://shop/feed", "shoes/1.jpg", "s3://shop/feed/shoes/1.jpg"),
    ],
)
def test_a_place_is_the_whole_path_or_url(base: str, reference: str, place: str) -> None:
    assert Sources(base).place(reference) == place


def test_a_link_that_leads_elsewhere_by_now_is_the_same_place(tmp_path: Path) -> None:
    for day in ("monday", "tuesday"):
        (tmp_path / day).mkdir()
        (tmp_path / "today").unlink(missing_ok=True)
        (tmp_path / "today").symlink_to(day)
        assert Sources(str(tmp_path / "today")).place("1.jpg") == f"{tmp_path}/today/1.jpg"


# --- in the catalog


def shown(shop: Shop) -> dict[str, list[tuple[str, int]]]:
    """By sku, in their order: source, and the number of the photo (`photo`)."""
    numbers = {hashlib.sha256(photo(number)).hexdigest(): number for number in range(9)}
    shop.links()  # without gaps
    found: dict[str, list[tuple[str, int]]] = {}
    query = """
        SELECT p.sku, pi.source, i.sha256 FROM products p JOIN product_images pi ON pi.product_id = p.id
        JOIN images i ON i.id = pi.image_id ORDER BY p.sku, pi.position
    """
    for sku, source, sha256 in rows(shop.engine, query):
        found.setdefault(sku, []).append((source, numbers[sha256]))
    return found


def lay(folder: Path, **photos: int) -> None:
    folder.mkdir(exist_ok=True)
    for name, number in photos.items():
        (folder / f"{name}.png").write_bytes(photo(number))


def test_a_photo_that_was_replaced_makes_way_and_comes_back(shop: Shop) -> None:
    lay(shop.folder, a=1, b=2)
    manifest = shop.csv(("A", "a.png", "b.png"), ("B", "b.png", ""), header=("sku", "photo", "photo_2"))
    shop.ingest(manifest)
    lay(shop.folder, a=3)
    for replaced in (1, 0):
        summary = shop.ingest(manifest)
        assert (summary.photos_replaced, summary.photos_new, summary.work_new) == (
            replaced,
            replaced,
            2 * replaced,
        )
        assert shown(shop) == {"A": [("a.png", 3), ("b.png", 2)], "B": [("b.png", 2)]}
    shop.check_whole()  # what made way is kept, as it may come back
    lay(shop.folder, a=1)
    summary = shop.ingest(manifest)
    assert (summary.photos_replaced, summary.photos_new, summary.work_new) == (1, 0, 0)
    assert shown(shop)["A"] == [("a.png", 1), ("b.png", 2)]


def test_the_same_name_below_another_folder_is_another_place(shop: Shop) -> None:
    for number, supplier in enumerate(("north", "south")):
        lay(shop.folder / supplier, a=number)
        (shop.folder / supplier / "products.csv").write_text("sku,photo\nA,a.png")
        shop.ingest(shop.folder / supplier / "products.csv")
    assert shown(shop) == {"A": [("a.png", 0), ("a.png", 1)]}
    lay(shop.folder / "south", a=2)
    shop.ingest(shop.folder / "south")  # now as a folder, in which `a.png` is a product of its own
    shop.ingest(shop.folder / "south" / "products.csv")
    assert shown(shop) == {"A": [("a.png", 0), ("a.png", 2)], "a": [("a.png", 2)]}


def test_a_product_keeps_the_photo_that_another_product_replaced(shop: Shop) -> None:
    lay(shop.folder, a=1, b=1)
    manifest = shop.csv(("A", "a.png"), ("B", "b.png"), header=("sku", "photo"))
    shop.ingest(manifest)
    lay(shop.folder, b=2)
    assert shop.ingest(manifest).photos_replaced == 1
    assert shown(shop) == {"A": [("a.png", 1)], "B": [("b.png", 2)]}


def test_a_photo_that_is_refused_takes_no_place(shop: Shop) -> None:
    lay(shop.folder, a=1)
    manifest = shop.csv(("A", "a.png"), header=("sku", "photo"))
    shop.ingest(manifest)
    (shop.folder / "a.png").write_bytes(b"half a pho")
    assert shop.ingest(manifest).photos_replaced == 0
    assert shown(shop) == {"A": [("a.png", 1)]}
    assert [code for *_, code in shop.failures()] == ["not_an_image"]


def test_a_photo_from_before_places_were_noted_is_told_by_its_name(shop: Shop) -> None:
    lay(shop.folder, a=1, b=2)
    manifest = shop.csv(("A", "a.png", "b.png"), header=("sku", "photo", "photo_2"))
    shop.ingest(manifest)
    execute(shop.engine, "UPDATE product_images SET place = NULL")
    lay(shop.folder, a=3)
    assert shop.ingest(manifest).photos_replaced == 1
    assert shown(shop) == {"A": [("a.png", 3), ("b.png", 2)]}
    places = {place for (place,) in rows(shop.engine, "SELECT place FROM product_images")}
    assert places == {f"{shop.folder}/a.png", f"{shop.folder}/b.png"}


def test_rows_of_one_product_in_many_batches_end_alike(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("catalog.batches.BATCH_PHOTOS", 1)
    lay(shop.folder, a=1, b=2, c=3)
    lines = [("A", f"{name}.png") for name in "abcd"]
    manifest = shop.csv(*lines, header=("sku", "photo"))
    shop.ingest(manifest)
    lay(shop.folder, a=4, b=1, c=2, d=3)  # one was put before the others
    shop.ingest(manifest)
    assert shown(shop) == {"A": [("a.png", 4), ("b.png", 1), ("c.png", 2), ("d.png", 3)]}


def test_ingests_at_once_end_with_one_photo_a_place(shop: Shop) -> None:
    lay(shop.folder, a=1, b=2, c=3, d=4)
    manifest = shop.csv(
        *((f"P{n}", f"{name}.png") for n in range(4) for name in "abcd"), header=("sku", "photo")
    )
    shop.ingest(manifest)
    lay(shop.folder, a=5, c=6)
    start = threading.Barrier(3)

    def run(_: int) -> int:
        start.wait()
        return shop.ingest(manifest).photos_replaced

    with ThreadPoolExecutor(3) as pool:
        assert sum(pool.map(run, range(3))) == 4 * 2
    now = [("a.png", 5), ("b.png", 2), ("c.png", 6), ("d.png", 4)]
    assert shown(shop) == {f"P{n}": now for n in range(4)}


def test_what_failed_of_a_photo_that_made_way_is_told_and_tried_no_more(shop: Shop) -> None:
    lay(shop.folder, a=1, b=2)
    manifest = shop.csv(("A", "a.png"), ("B", "b.png"), header=("sku", "photo"))
    job = shop.ingest(manifest).job_id
    execute(
        shop.engine,
        "UPDATE work_items SET state = 'quarantined', error_code = 'truncated', error_reason = 'cut', "
        "finished_at = now()",
    )
    lay(shop.folder, a=3)
    shop.ingest(manifest)
    with shop.engine.begin() as connection:
        (group,) = failures.grouped(connection, Selection())
        assert (group.code, group.failures, group.manifests) == ("truncated", 1, (str(manifest),))
        (left,) = failures.newest(connection, Selection(), 9)["truncated"]
        assert left.sku == "B"
        assert jobs.failure_codes(connection, job or 0) == {"truncated": 2}
        assert jobs.retry(connection) == 2  # those of B, for two models


def test_a_photo_that_made_way_is_not_given_to_further_models(shop: Shop) -> None:
    lay(shop.folder, a=1)
    manifest = shop.csv(("A", "a.png"), header=("sku", "photo"))
    shop.ingest(manifest)
    lay(shop.folder, a=2)
    shop.ingest(manifest)
    execute(shop.engine, "UPDATE work_items SET state = 'done', finished_at = now()")
    candidate = add_version(shop.engine, "a", 2)
    with shop.engine.begin() as connection:
        assert promotion.gaps(connection, candidate, versions.find(connection, "a@1")).photos == 1
        assert stale.count(connection, candidate.id) == (1, 1)
        assert stale.plan(connection, candidate.id, "a@2")[1] == 1
    execute(shop.engine, "UPDATE work_items SET state = 'done', finished_at = now()")
    with shop.engine.begin() as connection:
        promotion.promote(connection, "a@2")
