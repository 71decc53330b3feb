"""The taxonomy: out of files and into files, and what the views make of it."""

from __future__ import annotations

import io

import pytest
import sqlalchemy as sa

from catalog.errors import TaxonomyError
from catalog.review import taxonomy, taxonomy_file
from tests.catalog.reviewed import Reviewed
from tests.catalog.shop import add_version, rows

GOOD = """\
model,label,category,name.de,name.pt-br
product-type,Dress,Dresses,Kleider,Vestidos
product-type,Shoe,Shoes,,
"""


@pytest.fixture
def shop(engine: sa.Engine) -> Reviewed:
    return Reviewed(engine)


def load(shop: Reviewed, text: str | bytes) -> int:
    data = text.encode() if isinstance(text, str) else text
    with shop.engine.begin() as connection:
        return taxonomy.replace(connection, taxonomy_file.read(connection, io.BytesIO(data)))


def dumped(shop: Reviewed) -> str:
    out = io.StringIO()
    with shop.engine.connect() as connection:
        taxonomy_file.write(taxonomy.every(connection), out)
    return out.getvalue()


def test_a_file_is_loaded_and_written_as_it_was(shop: Reviewed) -> None:
    assert load(shop, GOOD) == 0
    assert dumped(shop) == GOOD
    assert load(shop, dumped(shop)) == 0
    assert dumped(shop) == GOOD


def test_a_file_replaces_the_rules_of_the_models_it_names(shop: Reviewed) -> None:
    add_version(shop.engine, "colours", labels=["red"])
    load(shop, GOOD)
    load(shop, "model,label,category\ncolours,red,Red things\n")
    assert load(shop, "label;category;model\nDress;Gowns;product-type\n") == 1
    assert rows(shop.engine, "SELECT model_name, label, category, names FROM taxonomy ORDER BY 1") == [
        ("colours", "red", "Red things", {}),
        ("product-type", "Dress", "Gowns", {}),
    ]
    with shop.engine.connect() as connection:
        assert taxonomy.unmapped(connection) == [
            ("product-type", label) for label in ("Bag", "Shirt", "Shoe")
        ]


def test_labels_without_a_category_are_passed_over(shop: Reviewed) -> None:
    load(shop, "model,label,category\nproduct-type,Dress,Dresses\nproduct-type,Bag,\n")
    assert rows(shop.engine, "SELECT label FROM taxonomy") == [("Dress",)]


def test_each_wrong_line_is_named_and_nothing_is_loaded(shop: Reviewed) -> None:
    load(shop, GOOD)
    text = (
        "model,label,category,name.de\n"
        "product-type,Dres,Dresses,\n"
        "nobody,Dress,Dresses,\n"
        "\n"
        "product-type,Bag,Bags,\n"
        "product-type,Bag,Luggage,\n"
        ",Bag,Bags,\n"
        "product-type,Bag\n"
        f"product-type,Shirt,{'x' * 201},\n"
        "product-type,Shirt,,Hemden\n"
        '"product-type,"x\n'
    )
    with pytest.raises(TaxonomyError) as caught:
        load(shop, text)
    sentence = str(caught.value)
    for told in (
        "line 2: product-type does not give the label 'Dres'; did you mean 'Dress'?",
        "line 3: there is no model 'nobody'; registered are: product-type",
        "line 6: 'Bag' of product-type has a rule in line 5 already",
        "line 7: there is no model",
        "line 8: the row has 2 cells",
        "line 9: column category has 201 characters",
        "line 10: 'Shirt' has names but no category",
        "line 11:",
    ):
        assert told in sentence
    assert dumped(shop) == GOOD


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "empty"),
        ("model,label\n", "no column category"),
        ("model,label,category,colour\n", "column 'colour' is unknown"),
        ("model,label,category,category\n", "twice"),
        ("model,label,category\n", "no rules"),
        (b"model,label,category\nproduct-type,Dr\0ess,Dresses\n", "line 2"),
        (b"model,label,category\nproduct-type,Dr\xffess,Dresses\n", "line 2"),
    ],
)
def test_what_is_no_taxonomy_is_refused(shop: Reviewed, text: str | bytes, sentence: str) -> None:
    with pytest.raises(TaxonomyError, match=sentence):
        load(shop, text)


def test_many_wrong_lines_are_counted(shop: Reviewed) -> None:
    text = "model,label,category\n" + "nobody,Dress,Dresses\n" * 30
    with pytest.raises(TaxonomyError, match="and 20 more"):
        load(shop, text)


def test_products_are_in_the_shop_s_categories(shop: Reviewed) -> None:
    load(shop, GOOD)
    shop.product("a", {"Dress": 0.8})
    shop.product("b", {"Bag": 0.8})
    shop.product("c", {"Dress": 0.3})
    assert rows(shop.engine, "SELECT sku, category, names ->> 'de', label FROM product_categories") == [
        ("a", "Dresses", "Kleider", "Dress")
    ]


def test_no_name_is_run_by_a_spreadsheet_and_each_comes_back(shop: Reviewed) -> None:
    header, rule, *_ = GOOD.splitlines()
    model, label, *_ = rule.split(",")
    evil = [f"{model},{label},=cmd()", *("-5" for _ in header.split(",")[3:])]
    load(shop, f"{header}\n{','.join(evil)}\n")
    again = dumped(shop)
    assert f"{model},{label},'=cmd()" in again
    with shop.engine.connect() as connection:
        before = taxonomy.every(connection)
    load(shop, again)
    with shop.engine.connect() as connection:
        assert taxonomy.every(connection) == before
    assert before[0].category == "=cmd()"
