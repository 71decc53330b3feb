"""Conditions on products: what they mean in SQL, and what is said of those that do not parse."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from catalog.errors import BadFilter
from catalog.filters import Filter, parse
from tests.catalog.shop import add_images, add_product, execute, rows

PRODUCTS: dict[str, dict[str, Any]] = {
    "A": {"brand": "Acme", "category": "Shoes", "price": 9.99, "title": "100% wool_sock"},
    "B": {"brand": "acme", "category": "Boots", "price": 20, "title": "Chelsea"},
    "C": {"brand": None, "category": "Hats, caps", "price": None, "title": "O'Neill \\ cap"},
}


@pytest.fixture
def shop(engine: sa.Engine) -> sa.Engine:
    """Three products with a photo each; D is a photo without a product."""
    for sku, image in zip(PRODUCTS, add_images(engine, 4), strict=False):
        add_product(engine, sku, [image])
        columns = ", ".join(f"{name} = :{name}" for name in PRODUCTS[sku])
        execute(engine, f"UPDATE products SET {columns} WHERE sku = :sku", sku=sku, **PRODUCTS[sku])
    execute(
        engine,
        """UPDATE products SET attributes = '{"season": "SS26", "a b": "x", "stock": "2"}' WHERE sku = 'A'""",
    )
    return engine


def meant(engine: sa.Engine, *conditions: str) -> str:
    """The products whose photos are meant, as a word; "-" is the photo without a product."""
    where, parameters = parse(conditions).of_image("i.id")
    query = f"""
        SELECT coalesce(p.sku, '-') FROM images i LEFT JOIN product_images pi ON pi.image_id = i.id
        LEFT JOIN products p ON p.id = pi.product_id WHERE {where} ORDER BY i.id
    """
    with engine.connect() as connection:
        return "".join(connection.scalars(sa.text(query), parameters))


def test_numbers_with_blanks_that_postgres_does_not_know_are_no_numbers(engine: sa.Engine) -> None:
    for sku, value in (("thin", "5\u2003"), ("none", "\u00a05"), ("tab", "\t5 "), ("odd", "5 5")):
        add_product(engine, sku, add_images(engine, 1))
        execute(
            engine,
            "UPDATE products SET attributes = jsonb_build_object('w', CAST(:value AS text)) WHERE sku = :sku",
            sku=sku,
            value=value,
        )
    meant, parameters = parse(["attributes.w<9"]).of_product()
    assert rows(engine, f"SELECT sku FROM products p WHERE {meant}", **parameters) == [("tab",)]


def test_bytes_that_were_no_text_are_refused() -> None:
    with pytest.raises(BadFilter, match="is no condition"):
        parse(["brand=\udcff"])


@pytest.mark.parametrize(
    ("conditions", "skus"),
    [
        ((), "ABC"),
        (("brand=Acme",), "A"),
        (("brand = Acme|acme ",), "AB"),
        (("brand!=Acme",), "BC"),  # that a product has no brand is another brand, too
        (("category=Hats, caps",), "C"),
        (("price<20",), "A"),
        (("price<=20", "price>9.99"), "B"),
        (("price=9.99|20",), "AB"),
        (("title~WOOL",), "A"),
        (("title~_",), "A"),
        (("title~%",), "A"),
        (("title~\\",), "C"),
        (("title~O'N",), "C"),
        (("attributes.season=SS26",), "A"),
        (("attributes.a b=x",), "A"),
        (("attributes.season!=SS26",), "BC"),
        (("created_at>=2020-01-01",), "ABC"),
        (("created_at<2020-01-01",), ""),
        (("brand=",), "C"),
        (("attributes.season=",), "BC"),
        (("attributes.stock<3",), "A"),
        (("attributes.stock>=2.5",), ""),
        (("attributes.season<3",), ""),
        (("sku=none",), ""),
    ],
)
def test_conditions_choose_photos_by_their_products(
    shop: sa.Engine, conditions: tuple[str, ...], skus: str
) -> None:
    assert meant(shop, *conditions) == skus


def test_values_and_attribute_names_are_data(shop: sa.Engine) -> None:
    assert meant(shop, "brand=x' OR true --") == ""
    assert meant(shop, "attributes.x' OR true --=1") == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is no condition"),
        ("brand", "is no condition"),
        ("=x", "is no condition"),
        ("brand=\0", "is no condition"),
        ("colour=red", "there is no field 'colour'; fields are sku"),
        ("attributes.=x", "there is no field"),
        ("password=x; DROP TABLE products", "there is no field"),
        ("price=cheap", "compared with a number, not with 'cheap'"),
        ("price<NaN", "compared with a number"),
        ("price<1e200000", "compared with a number"),
        ("price~9", "~ looks into text"),
        ("created_at>yesterday", "compared with a time such as"),
        ("created_at=2026-11-29", "is a moment; compare it by < <= > >="),
        ("title<5", "title is text; compare it by = != ~"),
        ("attributes.stock<few", "compared with a number"),
    ],
)
def test_what_does_not_parse_is_named(text: str, said: str) -> None:
    with pytest.raises(BadFilter) as caught:
        parse([text])
    assert said in str(caught.value)


def test_no_condition_is_no_filter() -> None:
    assert parse([]) == Filter()
