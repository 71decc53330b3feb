"""Texts that are read: each once, whatever is killed, and again when they change."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import sqlalchemy as sa

from catalog import migrate
from catalog.search import indexing, label_texts, near, to_read, vector_indexes
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


class Slow:
    """An embedder during whose work something happens."""

    name = "51044"

    def __init__(self, meanwhile: Callable[[], object]) -> None:
        self.meanwhile = meanwhile

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        self.meanwhile()
        return np.tile(np.array([1, 0], np.float32), (len(texts), 1))


def begun(engine: sa.Engine, meanwhile: Callable[[], object]) -> Slow:
    """A slow reader that has read the names of labels."""
    slow = Slow(lambda: None)
    with engine.begin() as connection:
        assert indexing.begin(connection, slow)
    label_texts.read(engine, slow)
    slow.meanwhile = meanwhile
    return slow


def test_a_slow_embedder_keeps_no_transaction_open(engine: sa.Engine) -> None:
    """`idle_in_transaction_session_timeout` would end it."""
    impatient = sa.create_engine(
        engine.url, connect_args={"options": "-c idle_in_transaction_session_timeout=100ms"}
    )
    add(engine, open_shop(engine), Thing("A", "Red hat"))
    slow = begun(engine, lambda: time.sleep(0.4))
    while indexing.read_batch(impatient, slow):
        pass
    impatient.dispose()
    assert left(engine) == 0
    assert skus(look(engine, "hat")) == ["A"]


def test_what_changes_while_it_is_read_is_read_again(engine: sa.Engine) -> None:
    add(engine, open_shop(engine), Thing("A", "Old hat"), Thing("B", "Old shoe"))
    slow = begun(engine, lambda: execute(engine, "UPDATE products SET title = 'New hat' WHERE sku = 'A'"))
    assert indexing.read_batch(engine, slow) == 2
    assert left(engine) > 0
    assert look(engine, "hat").hits == ()
    assert skus(look(engine, "shoe")) == ["B"]
    slow.meanwhile = lambda: None
    execute(engine, "UPDATE texts_to_read SET taken_until = now() - interval '1 second'")
    while indexing.read_batch(engine, slow):
        pass
    assert left(engine) == 0
    assert skus(look(engine, "new hat"))[0] == "A"
    assert rows(engine, "SELECT words @@ 'old' FROM product_words ORDER BY product_id") == [(False,), (True,)]


def test_a_change_that_is_not_committed_yet_is_not_waited_for_and_not_lost(engine: sa.Engine) -> None:
    """Its row in the queue may be older than the one by which the product is read."""
    add(engine, open_shop(engine), Thing("A", "Old hat"))
    read_all(engine)
    with engine.connect() as ingest:
        ingest.execute(sa.text("UPDATE products SET title = 'New hat'"))
        execute(engine, "INSERT INTO texts_to_read (product_id) SELECT id FROM products")
        assert indexing.read_batch(engine, None) == 1
        ingest.commit()
    assert read_all(engine) == 1
    assert skus(look(engine, "new")) == ["A"]
    assert rows(engine, "SELECT words @@ 'old' FROM product_words") == [(False,)]


def test_what_was_deleted_meanwhile_leaves_the_queue(engine: sa.Engine) -> None:
    product_id = add_product(engine, "A")
    slow = begun(engine, lambda: None)
    execute(engine, "UPDATE products SET title = 'Hat'")
    slow.meanwhile = lambda: execute(engine, "DELETE FROM products WHERE id = :id", id=product_id)
    while indexing.read_batch(engine, slow):
        pass
    assert left(engine) == 0


def test_what_a_killed_reader_took_is_free_after_a_while(engine: sa.Engine) -> None:
    add(engine, open_shop(engine), Thing("A", "Red hat"))
    with engine.begin() as connection:
        assert len(to_read.take(connection, 10)) == 1
    with engine.connect() as connection:
        assert not indexing.is_waiting(connection) or left(engine) > 1
    execute(engine, "UPDATE texts_to_read SET taken_until = now() - interval '1 second'")
    assert read_all(engine) >= 1
    assert skus(look(engine, "hat")) == ["A"]


def test_names_of_the_taxonomy_are_read_when_they_are_new(engine: sa.Engine) -> None:
    add(engine, open_shop(engine), Thing("A", "Runner", tags=(("Sneaker", 0.9),)))
    read_all(engine, meaning())
    with engine.connect() as connection:
        assert not indexing.is_waiting(connection)
    execute(
        engine,
        """INSERT INTO taxonomy VALUES ('product-type', 'Sneaker', 'Shoes > Sports shoes', '{"de": "Turnschühe"}')""",
    )
    with engine.connect() as connection:
        assert indexing.is_waiting(connection)
        assert label_texts.unread(connection, meaning().name) == ["sports shoes", "turnschuhe"]
    read_all(engine, meaning())
    with engine.connect() as connection:
        assert not indexing.is_waiting(connection)
    assert (
        "tag Sneaker 0.90, near 'gym trainers'"
        in look(engine, "gym trainers", embedder=meaning()).hits[0].reasons
    )


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
    assert rows(engine, "SELECT name FROM label_texts ORDER BY name") == [
        ("ankle boot",),
        ("dress",),
        ("sneaker",),
        ("t shirt",),
        ("top",),
    ]
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
