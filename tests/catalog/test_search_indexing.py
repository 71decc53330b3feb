"""Texts that are read: each once, whatever is killed, and again when they change."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import sqlalchemy as sa

from catalog import migrate
from catalog.search import indexing, near, vector_indexes
from catalog.search.spelling import deletions, distance, errors_allowed
from tests.catalog import stall
from tests.catalog.searched import ANY, Thing, add, look, meaning, open_shop, read_all, skus
from tests.catalog.shop import add_product, execute, rows


def left(engine: sa.Engine) -> int:
    with engine.connect() as connection:
        return indexing.left(connection)


def test_only_texts_that_change_are_read_again(engine: sa.Engine) -> None:
    add(engine, open_shop(engine), Thing("A", "Red hat"), Thing("B", "Blue hat"))
    assert read_all(engine) == 2
    execute(engine, "UPDATE products SET price = 3, updated_at = now()")
    assert left(engine) == 0
    execute(engine, "UPDATE products SET title = 'Green hat' WHERE sku = 'A'")
    assert read_all(engine) == 1
    assert skus(look(engine, "green")) == ["A"]
    assert "A" not in skus(look(engine, "red"))
    execute(engine, "UPDATE products SET title = NULL WHERE sku = 'A'")
    read_all(engine)
    assert look(engine, "green").hits == ()


def test_a_reader_that_is_killed_leaves_its_batch_to_the_next(engine: sa.Engine) -> None:
    class Killed:
        name = "dead"

        def embed(self, texts: object) -> np.ndarray:
            raise KeyboardInterrupt

    add(engine, open_shop(engine), Thing("A", "Red hat"))
    with engine.begin() as connection:
        indexing.begin(connection, Killed())
    with pytest.raises(KeyboardInterrupt):
        indexing.read_batch(engine, Killed())
    assert left(engine) >= 1
    assert read_all(engine, meaning()) >= 1
    assert skus(look(engine, "hat", embedder=meaning())) == ["A"]


def test_an_older_reading_overwrites_no_newer_one(engine: sa.Engine) -> None:
    """Two rows of one product are taken by two readers, and the first writes last."""
    add(engine, open_shop(engine), Thing("A", "Old hat"))
    with engine.connect() as slow:
        taken = indexing._take(slow, 10)
        old = slow.execute(indexing._TEXTS, {"ids": [product for _, product in taken]}).all()
        execute(engine, "UPDATE products SET title = 'New hat'")
        assert read_all(engine) == 1
        indexing._write_words(slow, old, {product: reading for reading, product in taken})
        slow.commit()
    assert skus(look(engine, "new")) == ["A"]
    assert rows(engine, "SELECT words @@ 'old' FROM product_words") == [(False,)]


def test_readers_share_the_queue(engine: sa.Engine) -> None:
    for n in range(40):
        add_product(engine, f"P-{n}")
    execute(engine, "UPDATE products SET title = 'Hat of ' || sku")
    with engine.begin() as connection:
        indexing.begin(connection, None)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: [None for _ in range(20) if indexing.read_batch(engine, None, 4)], range(4)))
    read_all(engine)
    assert rows(engine, "SELECT count(*) FROM product_words WHERE words @@ 'hat'") == [(40,)]


def test_products_from_before_the_migration_are_read(engine: sa.Engine) -> None:
    migrate.downgrade(engine, "0006")
    for n in range(3):
        add_product(engine, f"P-{n}")
    execute(engine, "UPDATE products SET title = 'Hat'")
    migrate.upgrade(engine)
    assert left(engine) == 3
    assert read_all(engine) == 3
    assert len(look(engine, "hat").hits) == 3


def test_a_text_embedder_that_is_new_reads_all(engine: sa.Engine) -> None:
    add(engine, open_shop(engine), Thing("A", "Running shoes"), Thing("B"))
    read_all(engine)
    assert read_all(engine, meaning()) == 2
    assert rows(engine, "SELECT model FROM product_texts") == [(meaning().name,)]
    assert rows(engine, "SELECT count(*) FROM label_texts") == [(4,)]
    with engine.begin() as connection:
        assert not indexing.begin(connection, None)  # it could not give their vectors
        assert indexing.begin(connection, meaning(), again=True)
    assert left(engine) == 2


def test_vectors_are_indexed_when_it_is_worth_it(engine: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vector_indexes, "WORTH_IT", 2000)
    stall.fill(engine, 2500)
    version = stall.add_vectors(engine, 2500, 64)
    execute(engine, "ANALYZE")
    assert [one.name for one in vector_indexes.keep(engine)] == [f"ix_embeddings_hnsw_{version}"]
    assert vector_indexes.keep(engine) == []
    shares = []
    with engine.connect() as connection:
        for vector in stall.vectors(10**6, 20, 64):
            found = near(connection, version, vector, ANY, size=10)
            query = sa.text(
                "SELECT image_id FROM embeddings ORDER BY (embedding <=> CAST(:v AS vector)) + 0 LIMIT 10"
            )
            exact = set(connection.scalars(query, {"v": str(vector.tolist())}))
            shares.append(len(exact & {hit.image_id for hit in found.hits}) / 10)
    assert np.mean(shares) >= 0.98
    execute(
        engine, "UPDATE model_versions SET state = 'retired', retired_at = now() WHERE id = :id", id=version
    )
    vector_indexes.keep(engine)
    assert rows(engine, "SELECT count(*) FROM pg_class WHERE relname LIKE 'ix_embeddings_hnsw_%'") == [(1,)]
    execute(engine, "UPDATE model_versions SET collected_at = now() WHERE id = :id", id=version)
    vector_indexes.keep(engine)
    assert rows(engine, "SELECT count(*) FROM pg_class WHERE relname LIKE 'ix_embeddings_hnsw_%'") == [(0,)]


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("dress", "dress", 0),
        ("dres", "dress", 1),
        ("drses", "dress", 1),
        ("", "abc", 3),
        ("kitten", "sitting", 3),
    ],
)
def test_distance(one: str, other: str, expected: int) -> None:
    assert distance(one, other) == distance(other, one) == expected


def test_words_with_a_few_wrong_letters_share_a_deletion() -> None:
    word = "trousers"
    for wrong in ("trouser", "truosers", "trousres", "trouzerz", "xtrousers", "rousers"):
        assert distance(word, wrong) <= errors_allowed(wrong)
        assert set(deletions(word)) & set(deletions(wrong)), wrong
    assert len(deletions("abcdefghij")) == 29
