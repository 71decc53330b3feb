"""Whatever a stranger writes is a value to Postgres: nowhere does it become SQL."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from catalog import failures, filters, showing, skus, versions, webhooks
from catalog.errors import CatalogError, UnknownLabel, UnknownSku
from catalog.events import Event
from catalog.label_import import import_labels
from catalog.schedules import begin, note
from catalog.search import Chosen, facets
from tests.catalog.searched import Thing, add, look, meaning, open_shop, read_all
from tests.catalog.shop import rows
from tests.catalog.test_schedules import SUNDAY

EVIL = (
    "x'; DROP TABLE products; --",
    'x"; DROP TABLE products; --',
    "x' OR true --",
    "%(x)s %s {0} {meant} :sku :x $1",
    "x\\'; DELETE FROM products; --",
    "') UNION SELECT id, sku FROM products --",
    "a & b | !c -> :* ( 'd",
    "/* */ ; --",
)


@pytest.fixture
def shop(engine: sa.Engine) -> Iterator[sa.Engine]:
    """A product for each, which says it everywhere."""
    made = open_shop(engine)
    add(engine, made, *(Thing(evil, evil, evil, evil, tags=((evil, 0.9),)) for evil in EVIL))
    read_all(engine, meaning())
    yield engine
    assert rows(engine, "SELECT count(*) FROM products") == [(len(EVIL),)]


def test_words_and_facets(shop: sa.Engine) -> None:
    for evil in EVIL:
        look(shop, evil)
        look(shop, f"{evil} and no sku")  # a sku alone is not looked for by its words
        chosen = Chosen(brands=(evil,), categories=(evil,), tags=(evil,))
        assert [hit.sku for hit in look(shop, "", chosen).hits] == [evil]
        with shop.connect() as connection:
            assert facets(connection, evil, chosen)


def test_conditions_skus_and_names(shop: sa.Engine) -> None:
    with shop.connect() as connection:
        for evil in EVIL:
            meant, parameters = filters.parse([f"brand={evil}"]).of_product()
            found = connection.execute(sa.text(f"SELECT sku FROM products p WHERE {meant}"), parameters)
            assert found.scalars().all() == ([] if "|" in evil else [evil])  # there it divides values
            assert showing.product(connection, evil).sku == evil
            with pytest.raises(UnknownSku):
                skus.product_ids(connection, [f"{evil} or another"])
            with pytest.raises(CatalogError):
                versions.find(connection, evil)
            with pytest.raises(CatalogError):
                failures.check_code(connection, evil)


def test_labels_webhooks_and_schedules(shop: sa.Engine) -> None:
    quoted = ['"' + evil.replace('"', '""') + '"' for evil in EVIL]
    lines = "".join(f"{cell},{cell}\n" for cell in quoted)
    done = import_labels(shop, io.BytesIO(f"sku,label\n{lines}".encode()), "anna", print)
    assert done.new == len(EVIL)
    assert {label for (label,) in rows(shop, "SELECT label FROM overrides")} == {*EVIL}
    with shop.begin() as connection:
        for evil in EVIL:
            note(connection, evil, "retrain", SUNDAY, evil)
            assert begin(connection, evil, SUNDAY)
            with pytest.raises(UnknownLabel):
                webhooks.add(connection, "https://shop.example/hook", [Event.LABEL_SEEN], [evil])
