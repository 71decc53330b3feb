"""People's word on groups, and what it does to them."""

from __future__ import annotations

import pytest

from catalog import near_duplicates
from catalog.errors import BadAuthor, UnknownGroup
from catalog.near_duplicates.decide import Verdict
from catalog.near_duplicates.groups import State
from tests.catalog.near_duplicates.faces import Faces, turned
from tests.catalog.shop import execute, rows

HASH = 0x0123_4567_89AB_CDEF
CHAIN = [turned(HASH), turned(HASH, 0, 16, 32, 48), turned(HASH, 0, 1, 16, 17, 32, 33, 48, 49)]
"""The first and the last differ in more bits than a pair may."""


def decide(faces: Faces, group: int, verdict: Verdict, photo: int | None = None, author: str = "anna") -> int:
    with faces.engine.begin() as connection:
        return near_duplicates.decide(connection, group, verdict, author, photo=photo)


def listed(faces: Faces, state: State = State.OPEN, **page: int) -> near_duplicates.Grouped:
    with faces.engine.connect() as connection:
        return near_duplicates.groups(connection, state, **page)


def test_what_hangs_together_is_one_group_numbered_by_its_first_photo(faces: Faces) -> None:
    ids = [faces.add(hash_) for hash_ in CHAIN]
    faces.add(turned(HASH, *range(20, 60)))
    faces.find()
    assert faces.pairs() == [(ids[0], ids[1]), (ids[1], ids[2])]
    assert faces.groups() == {ids[0]: ids}


def test_a_photo_that_comes_later_joins_two_groups(faces: Faces) -> None:
    first, last = faces.add(CHAIN[0]), faces.add(CHAIN[2])
    twins = [faces.add(CHAIN[0]), faces.add(CHAIN[2])]
    faces.find()
    assert faces.groups() == {first: [first, twins[0]], last: [last, twins[1]]}
    middle = faces.add(CHAIN[1])
    faces.find()
    assert faces.groups() == {first: [first, last, *twins, middle]}


def test_a_rejected_photo_leaves_and_its_group_falls_apart(faces: Faces) -> None:
    ids = [faces.add(CHAIN[k]) for k in (0, 0, 1, 2, 2)]
    faces.find()
    assert faces.groups() == {ids[0]: ids}
    assert decide(faces, ids[0], "rejected", photo=ids[2]) == 4
    assert faces.groups() == {ids[0]: ids[:2], ids[3]: ids[3:]}
    assert faces.find().pairs == 0
    assert decide(faces, ids[0], "accepted", photo=ids[2]) == 4
    assert faces.groups() == {ids[0]: ids}


def test_a_word_on_a_group_leaves_earlier_words_alone(faces: Faces) -> None:
    ids = [faces.add(HASH) for _ in range(3)]
    faces.find()
    assert decide(faces, ids[0], "rejected", photo=ids[2]) == 2
    assert decide(faces, ids[0], "accepted", author="ben") == 1
    assert decide(faces, ids[0], "accepted") == 0
    query = "SELECT image_id, other_id, verdict, author, decided_at IS NOT NULL FROM near_duplicates ORDER BY 1, 2"
    assert rows(faces.engine, query) == [
        (ids[0], ids[1], "accepted", "ben", True),
        (ids[0], ids[2], "rejected", "anna", True),
        (ids[1], ids[2], "rejected", "anna", True),
    ]


def test_groups_are_listed_by_state_a_page_at_a_time(faces: Faces) -> None:
    first = [faces.add(HASH, sku="A"), faces.add(HASH, sku="B")]
    second = [faces.add(turned(HASH, *range(8, 40))), faces.add(turned(HASH, *range(8, 40), 41), 5)]
    faces.find()
    page = listed(faces, size=1)
    assert [[one.image_id for one in group.members] for group in page.groups] == [first]
    assert [one.skus for one in page.groups[0].members] == [("A",), ("B",)]
    assert page.after == first[0]
    rest = listed(faces, size=1, after=first[0])
    assert [[one.image_id for one in group.members] for group in rest.groups] == [second]
    assert (rest.groups[0].distance, rest.after) == (1, None)
    decide(faces, first[0], "accepted")
    decide(faces, second[0], "rejected")
    assert listed(faces).groups == ()
    assert [group.group_id for group in listed(faces, State.ACCEPTED).groups] == [first[0]]
    assert [group.group_id for group in listed(faces, State.REJECTED).groups] == [second[0]]


def test_the_view_shows_groups_by_product_until_they_are_rejected(faces: Faces) -> None:
    ids = [faces.add(HASH, sku=sku) for sku in "ABC"]
    faces.find()
    query = """
        SELECT group_id, sku, image_id, round(similarity::numeric, 2), accepted FROM near_duplicate_groups ORDER BY 2
    """
    assert rows(faces.engine, query) == [
        (ids[0], sku, id_, 1, False) for sku, id_ in zip("ABC", ids, strict=True)
    ]
    decide(faces, ids[0], "rejected", photo=ids[1])
    decide(faces, ids[0], "accepted")
    assert rows(faces.engine, query) == [(ids[0], "A", ids[0], 1, True), (ids[0], "C", ids[2], 1, True)]


@pytest.mark.parametrize(("group", "photo"), [(7, None), (2**63, None), (-1, None), (1, 10**30)])
def test_an_unknown_group_is_named(faces: Faces, group: int, photo: int | None) -> None:
    with pytest.raises(UnknownGroup, match=f"no group {group}"):
        decide(faces, group, "accepted", photo)


@pytest.mark.parametrize("author", ["", "  ", "a\0b", "\ud800", "x" * 201, "two\nlines"])
def test_an_author_is_a_name(faces: Faces, author: str) -> None:
    first = faces.add(HASH)
    faces.add(HASH)
    faces.find()
    with pytest.raises(BadAuthor):
        decide(faces, first, "accepted", author=author)
    assert len(listed(faces).groups) == 1


def test_a_photo_that_goes_takes_its_pairs_along(faces: Faces) -> None:
    ids = [faces.add(HASH) for _ in range(3)]
    faces.find()
    for table in ("product_images", "photo_facts", "embeddings"):
        execute(faces.engine, f"DELETE FROM {table} WHERE image_id = :id", id=ids[0])
    execute(faces.engine, "DELETE FROM images WHERE id = :id", id=ids[0])
    assert faces.pairs() == [(ids[1], ids[2])]


def test_a_photo_that_another_took_the_place_of_is_no_near_duplicate_of_it(faces: Faces) -> None:
    before, now, other = (faces.add(HASH, sku=sku) for sku in "ABC")
    faces.find()
    execute(faces.engine, "DELETE FROM product_images WHERE image_id = :id", id=before)
    (group,) = listed(faces).groups
    assert [one.image_id for one in group.members] == [now, other]
    assert rows(faces.engine, "SELECT image_id FROM near_duplicate_groups ORDER BY 1") == [(now,), (other,)]
    assert decide(faces, group.group_id, "accepted") == 1
    execute(faces.engine, "DELETE FROM product_images WHERE image_id = :id", id=other)
    assert listed(faces, State.ACCEPTED).groups == ()
    assert rows(faces.engine, "SELECT FROM near_duplicate_groups") == []
    with pytest.raises(UnknownGroup):
        decide(faces, group.group_id, "rejected")


def test_of_a_group_only_the_photos_that_were_seen_are_decided(faces: Faces) -> None:
    ids = [faces.add(HASH) for _ in range(3)]
    faces.find()
    with faces.engine.begin() as connection:
        assert near_duplicates.decide(connection, ids[0], "rejected", "anna", seen=ids[1:]) == 1
    verdicts = rows(faces.engine, "SELECT verdict FROM near_duplicates ORDER BY image_id, other_id")
    assert verdicts == [(None,), (None,), ("rejected",)]


def test_an_author_takes_back_the_last_of_their_decisions(faces: Faces) -> None:
    ids = [faces.add(CHAIN[k]) for k in (0, 1, 2)]
    faces.find()
    decide(faces, ids[0], "accepted", photo=ids[0])
    decide(faces, ids[0], "rejected", photo=ids[2])
    assert faces.groups() == {ids[0]: ids[:2]}
    for author, pairs, groups in (
        ("bert", 0, {ids[0]: ids[:2]}),
        ("anna", 1, {ids[0]: ids}),
        ("anna", 1, {ids[0]: ids}),
        ("anna", 0, {ids[0]: ids}),
    ):
        with faces.engine.begin() as connection:
            assert near_duplicates.take_back(connection, ids[0], author) == pairs
        assert faces.groups() == groups
    assert [group.group_id for group in listed(faces).groups] == [ids[0]]
