"""A product as pages show it."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from catalog import showing
from catalog.errors import UnknownSku
from tests.catalog.shop import add_images, add_product, execute


@pytest.mark.parametrize("sku", ["", "b", "a\0", "\ud800", "%", "x" * 10_000])
def test_an_unknown_product_is_named_with_the_remedy(engine: sa.Engine, sku: str) -> None:
    add_product(engine, "a")
    with engine.connect() as connection, pytest.raises(UnknownSku, match="ingest it first") as error:
        showing.product(connection, sku)
    assert len(str(error.value)) < 500


def test_a_product_without_results_has_its_photos_in_order_and_peoples_word(engine: sa.Engine) -> None:
    first, second = add_images(engine, 2)
    product_id = add_product(engine, "a", [second, first])
    for label, accepted in (("Gown", True), ("Dress", False)):
        execute(
            engine,
            "INSERT INTO overrides (product_id, label, accepted, author) VALUES (:product, :label, :accepted, 'anna')",
            product=product_id,
            label=label,
            accepted=accepted,
        )
    with engine.connect() as connection:
        found = showing.product(connection, "a")
    assert [photo.image_id for photo in found.photos] == [second, first]
    assert [(tag.label, tag.origin, tag.counts) for tag in found.tags] == [
        ("Gown", "person", True),
        ("Dress", "person", False),
    ]
