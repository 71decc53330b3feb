"""Which photos are paired, and that each is compared once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import sqlalchemy as sa

from catalog import near_duplicates
from catalog.errors import NothingToCompare
from catalog.near_duplicates import Found, compare
from tests.catalog.near_duplicates.faces import Faces, turned
from tests.catalog.shop import add_version, execute, rows

HASH = 0x5A5A_1234_0F0F_4321


@pytest.mark.parametrize("bits", [(), (0,), (63,), (3, 40), (0, 17, 33), (0, 17, 33, 49), (1, 2, 18, 34, 50)])
def test_hashes_that_differ_in_few_bits_anywhere_are_a_pair(faces: Faces, bits: tuple[int, ...]) -> None:
    one, other = faces.add(HASH), faces.add(turned(HASH, *bits))
    found = faces.find()
    assert (found.photos, found.pairs) == (2, 1)
    assert faces.pairs() == [(one, other)]
    assert rows(faces.engine, "SELECT distance, similarity FROM near_duplicates") == [(len(bits), 1.0)]


def test_hashes_that_differ_in_more_bits_are_none(faces: Faces) -> None:
    faces.add(HASH)
    faces.add(turned(HASH, *range(compare.RADIUS + 1)))
    assert faces.find().pairs == 0


def test_the_more_bits_differ_the_more_alike_the_embeddings_must_be(faces: Faces) -> None:
    angle = np.degrees(np.arccos(0.9))
    faces.add(HASH)
    near, far = faces.add(turned(HASH, 5), angle), faces.add(turned(HASH, 5, 20, 40, 60), angle)
    faces.find()
    cosine = dict(
        rows(faces.engine, "SELECT other_id, similarity FROM near_duplicates WHERE image_id < other_id")
    )
    assert near in cosine
    assert cosine[near] == pytest.approx(0.9, abs=1e-5)
    assert (min(near, far) - 1, far) not in faces.pairs()


def test_photos_that_show_something_else_are_no_pair_whatever_their_hashes(faces: Faces) -> None:
    faces.add(HASH)
    faces.add(HASH, 40)
    assert faces.find().pairs == 0


def test_only_new_photos_are_compared_and_with_all(faces: Faces) -> None:
    first = faces.add(HASH)
    assert faces.find().photos == 1
    assert faces.find().photos == 0
    later = [faces.add(HASH), faces.add(turned(HASH, 1))]
    found = faces.find()
    assert (found.total, found.photos, found.pairs) == (2, 2, 3)
    assert faces.pairs() == [(first, later[0]), (first, later[1]), (later[0], later[1])]


def test_a_photo_waits_for_its_embedding(faces: Faces) -> None:
    one, other = faces.add(HASH, embedded=False), faces.add(HASH)
    assert faces.find().photos == 1
    assert faces.pairs() == []
    faces.embed(one)
    assert faces.find().pairs == 1
    assert faces.pairs() == [(one, other)]


def test_flat_photos_are_not_compared(faces: Faces) -> None:
    faces.add(0)
    faces.add(0)
    assert faces.find().photos == 0


def test_another_version_of_the_facts_compares_all_anew_and_keeps_peoples_word(faces: Faces) -> None:
    one, other = faces.add(HASH), faces.add(HASH)
    faces.find()
    with faces.engine.begin() as connection:
        near_duplicates.decide(connection, one, "rejected", "anna")
    second = add_version(faces.engine, "photo-facts", 2, task="describe", labels=[])
    execute(faces.engine, "UPDATE model_versions SET state = 'retired' WHERE id = :id", id=faces.facts.id)
    execute(faces.engine, "UPDATE model_versions SET state = 'serving' WHERE id = :id", id=second.id)
    faces.facts = second
    third = faces.add(HASH)
    execute(
        faces.engine,
        "INSERT INTO photo_facts SELECT image_id, :new, colour, colour_hex, colours, sharpness, exposure, background, "
        "product_share, masked, perceptual_hash FROM photo_facts WHERE model_version_id <> :new",
        new=second.id,
    )
    assert faces.find().photos == 3
    assert faces.pairs() == [(one, third), (other, third)]
    assert rows(faces.engine, "SELECT author FROM near_duplicates WHERE verdict = 'rejected'") == [("anna",)]


def test_a_run_that_ends_early_is_gone_on_with(faces: Faces, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compare, "BATCH", 2)
    for _ in range(5):
        faces.add(HASH)

    def stop(found: Found) -> None:
        if found.photos == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compare.find(faces.engine, on_progress=stop)
    assert faces.find().photos == 3
    assert len(faces.pairs()) == 10
    assert len(faces.groups()) == 1


def test_two_runs_at_once_find_each_pair_once(faces: Faces, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compare, "BATCH", 3)
    for _ in range(12):
        faces.add(HASH)
    start = threading.Barrier(2)

    def run() -> int:
        start.wait()
        return faces.find().photos

    with ThreadPoolExecutor(2) as pool:
        counts = [future.result() for future in [pool.submit(run) for _ in range(2)]]
    assert sum(counts) == 12
    assert len(faces.pairs()) == 66
    assert len(faces.groups()) == 1


def test_a_crowd_bounds_what_is_looked_at(faces: Faces, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(compare._RULE, "crowd", 2)
    ids = [faces.add(HASH) for _ in range(6)]
    faces.find()
    assert all(one in ids[-2:] or other in ids[-2:] for one, other in faces.pairs())


def test_a_crowd_is_one_group_by_few_pairs(faces: Faces, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(compare._RULE, "kept", 2)
    monkeypatch.setattr(compare, "BATCH", 4)
    ids = [faces.add(HASH) for _ in range(30)]
    faces.find()
    assert len(faces.pairs()) <= 3 * len(ids)
    assert faces.groups() == {ids[0]: ids}


def test_of_many_alike_the_most_alike_are_kept(faces: Faces, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(compare._RULE, "kept", 1)
    twin = faces.add(HASH, 10)
    faces.find()
    faces.add(HASH, 20)
    faces.find()
    last = faces.add(HASH, 11)
    faces.find()
    assert (twin, last) in faces.pairs()


def test_each_batch_reads_its_indexes_from_where_the_last_one_ended(faces: Faces) -> None:
    parameters = {"facts": faces.facts.id, "embedder": faces.embedder.id, "after": 7, "limit": 500}
    with faces.engine.begin() as connection:
        connection.execute(sa.text("SET LOCAL enable_seqscan = off"))
        connection.execute(sa.text("SET LOCAL enable_nestloop = off"))
        plan = list(connection.scalars(sa.text(f"EXPLAIN {compare._TAKE.text}"), parameters))
    assert sum("Index Cond" in line and "image_id > 7" in line for line in plan) == 3


def test_without_a_model_for_it_there_is_a_sentence(engine: sa.Engine) -> None:
    add_version(engine, "product-embedding", task="embed", labels=[])
    with pytest.raises(NothingToCompare, match="no model serves that does describe"):
        near_duplicates.find(engine)


def test_pieces_of_hashes_are_looked_up_in_their_indexes(faces: Faces) -> None:
    execute(
        faces.engine,
        """
        INSERT INTO images (sha256, object_key, format, bytes, width, height)
        SELECT 'x' || n, 'images/' || n, 'JPEG', 9, 40, 30 FROM generate_series(1, 20000) n
        """,
    )
    execute(
        faces.engine,
        "INSERT INTO compared_photos SELECT id, :facts, (random() * 2 ^ 62)::bigint FROM images",
        facts=faces.facts.id,
    )
    execute(faces.engine, "ANALYZE compared_photos")
    (photo,) = rows(faces.engine, "SELECT max(image_id) FROM compared_photos")[0]
    parameters = {**compare._RULE, "facts": faces.facts.id, "embedder": faces.embedder.id, "photos": [photo]}
    with faces.engine.begin() as connection:
        plan = "\n".join(connection.scalars(sa.text(f"EXPLAIN {compare._PAIRS.text}"), parameters))
    assert all(f"ix_compared_photos_band_{number}" in plan for number in range(4))
    assert "Seq Scan on compared_photos" not in plan
