"""People's labels: from files and into files, and what they teach."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from catalog import label_import
from catalog.errors import LabelsError
from catalog.label_import import Imported, every_word, import_labels
from catalog.labels import HumanLabels, human_labels
from catalog.manifests import RowError
from models.spreadsheets import harmless
from tests.catalog.shop import add_images, add_product, execute, rows


def take(engine: sa.Engine, text: str | bytes, author: str = "anna") -> tuple[Imported, list[RowError]]:
    errors: list[RowError] = []
    data = text.encode() if isinstance(text, str) else text
    return import_labels(engine, io.BytesIO(data), author, errors.append), errors


def words(engine: sa.Engine) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [(word.sku, word.label, word.accepted, word.author) for word in every_word(connection)]


def found(engine: sa.Engine, *labels: str) -> HumanLabels:
    with engine.connect() as connection:
        return human_labels(connection, labels or None)


@pytest.fixture
def products(engine: sa.Engine) -> dict[str, list[int]]:
    """Products a, b and c with two photos each, z without any."""
    made = {}
    for sku in ("b", "a", "c", "z"):
        made[sku] = add_images(engine, 0 if sku == "z" else 2)
        add_product(engine, sku, made[sku])
    return made


def test_labels_are_taken_in_and_the_same_file_again_changes_nothing(
    engine: sa.Engine, products: dict[str, list[int]]
) -> None:
    text = "sku,label,accepted\na,Shirt,\nb,Coat,yes\na,Dress,false\n"
    done, errors = take(engine, text)
    told = {"rows": 3, "new": 3, "changed": 0, "same": 0, "refused": {}}
    new_labels = ["Coat", "Dress", "Shirt"]
    assert (done.as_dict(), errors) == ({**told, "new_labels": new_labels}, [])
    again, _ = take(engine, text, author="ben")
    assert (again.new, again.changed, again.same, again.new_labels) == (0, 0, 3, set())
    assert words(engine) == [
        ("a", "Dress", False, "anna"),
        ("a", "Shirt", True, "anna"),
        ("b", "Coat", True, "anna"),
    ]


def test_a_change_of_mind_is_the_word_of_who_changed_it(
    engine: sa.Engine, products: dict[str, list[int]]
) -> None:
    take(engine, "sku,label\na,Shirt\n")
    done, _ = take(engine, "sku,label,accepted\na,Shirt,no\n", author="ben")
    assert (done.new, done.changed, done.same) == (0, 1, 0)
    assert words(engine) == [("a", "Shirt", False, "ben")]


def test_bad_rows_are_listed_with_their_lines_and_the_rest_goes_on(
    engine: sa.Engine, products: dict[str, list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(label_import, "BATCH_ROWS", 3)
    text = (
        "sku,label,accepted\n"
        "a,Shirt,true\n"
        "nobody,Shirt,true\n"
        ",Shirt,true\n"
        "b,,true\n"
        "b,Coat,perhaps\n"
        "b,Coat\n"
        "\n"
        'c,"two\nlines",true\n'
        f"c,{'x' * 201},true\n"
        "b,Coat,true\n"
    )
    done, errors = take(engine, text)
    assert [(error.line, error.code) for error in errors] == [
        (3, "unknown_sku"),
        (4, "missing_sku"),
        (5, "missing_label"),
        (6, "bad_accepted"),
        (7, "wrong_cell_count"),
        (11, "too_long"),
    ]
    assert "perhaps" in errors[3].reason
    assert done.refused.total() == 6
    assert [word[:2] for word in words(engine)] == [("a", "Shirt"), ("b", "Coat"), ("c", "two lines")]


def test_a_quote_that_is_not_closed_takes_no_other_rows_down(
    engine: sa.Engine, products: dict[str, list[int]]
) -> None:
    _, errors = take(engine, 'sku,label\na,"Shirt\nb,Coat\nc,Bag\n')
    assert [(error.line, error.code) for error in errors] == [(2, "malformed_row")]
    assert [word[:2] for word in words(engine)] == [("b", "Coat"), ("c", "Bag")]


@pytest.mark.parametrize(
    "data",
    [
        "\ufeffLabel;SKU;note\nShirt;a;x\n".encode(),
        "sku\tlabel\na\tShirt\n".encode("utf-16"),
        b"sep=;\nsku;label\na;Shirt\n",
        b"\n\n sku , label \na,Shirt\n",
    ],
)
def test_files_of_spreadsheets_are_read(
    engine: sa.Engine, products: dict[str, list[int]], data: bytes
) -> None:
    assert take(engine, data)[1] == []
    assert words(engine) == [("a", "Shirt", True, "anna")]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "the file is empty"),
        ("sku,class\na,Shirt\n", "no column label; columns found: sku, class"),
        ("x,y\n", "no column sku and no column label"),
        ("sku,label\n".encode("utf-32"), "UTF-32"),
    ],
)
def test_what_is_no_file_of_labels_is_refused_as_a_whole(
    engine: sa.Engine, text: str | bytes, sentence: str
) -> None:
    with pytest.raises(LabelsError, match=sentence):
        take(engine, text)


def test_of_rows_about_the_same_label_the_last_counts(
    engine: sa.Engine, products: dict[str, list[int]]
) -> None:
    done, _ = take(engine, "sku,label,accepted\na,Shirt,true\na,Shirt,false\n")
    assert (done.rows, done.new, done.same) == (2, 1, 1)
    assert words(engine) == [("a", "Shirt", False, "anna")]


def test_bytes_that_are_no_text_spoil_their_row_alone(
    engine: sa.Engine, products: dict[str, list[int]]
) -> None:
    _, errors = take(engine, b"sku,label\na,Sh\xffrt\nb,Coat\n")
    assert [(error.line, error.code) for error in errors] == [(2, "wrong_encoding")]
    assert [word[0] for word in words(engine)] == ["b"]


def test_photos_of_products_with_one_label_teach_in_a_fixed_order(
    engine: sa.Engine, products: dict[str, list[int]]
) -> None:
    take(engine, "sku,label,accepted\nb,Coat,\na,Shirt,\na,Dress,false\nz,Bag,\n")
    said = found(engine)
    assert [(photo.sku, photo.label, photo.group) for photo in said.photos] == [
        ("a", "Shirt", "a"),
        ("a", "Shirt", "a"),
        ("b", "Coat", "b"),
        ("b", "Coat", "b"),
    ]
    hashes = dict(rows(engine, "SELECT sha256, id FROM images"))
    assert [hashes[photo.sha256] for photo in said.photos] == products["a"] + products["b"]
    assert [(one.sku, one.code) for one in said.unclear] == [("z", "no_photo")]


def test_a_product_with_several_labels_is_reported_until_the_labels_are_chosen(
    engine: sa.Engine, products: dict[str, list[int]]
) -> None:
    take(engine, "sku,label\na,Shirt\na,red\nb,Coat\nc,red\n")
    assert [(one.sku, one.code) for one in found(engine).unclear] == [("a", "several_labels")]
    assert {photo.sku for photo in found(engine).photos} == {"b", "c"}
    chosen = found(engine, "Shirt", "Coat")
    assert ({photo.sku for photo in chosen.photos}, chosen.unclear) == ({"a", "b"}, ())


def test_products_that_share_photos_belong_together_and_contradictions_teach_nothing(
    engine: sa.Engine,
) -> None:
    one, two, three, four, five = add_images(engine, 5)
    for sku, images in {"a": [one, two], "b": [two, three], "c": [three, four], "d": [four, five]}.items():
        add_product(engine, sku, images)
    take(engine, "sku,label\na,Shirt\nb,Shirt\nc,Shirt\nd,Coat\n")
    said = found(engine)
    ids = dict(rows(engine, "SELECT sha256, id FROM images"))
    assert [(ids[photo.sha256], photo.group, photo.label) for photo in said.photos] == [
        (one, "a", "Shirt"),
        (two, "a", "Shirt"),
        (three, "a", "Shirt"),
        (five, "a", "Coat"),
    ]
    assert [(unclear.sku, unclear.code) for unclear in said.unclear] == [("c", "shared_photo")]
    assert "Shirt for c, Coat for d" in said.unclear[0].sentence


def test_what_is_exported_can_be_imported(engine: sa.Engine, tmp_path: Path) -> None:
    """Whatever skus and labels look like."""
    told = [('q"uote', "a,b"), ("späße", "naïve"), ("=1+1", "-x"), ("semi;colon", "tab in label")]
    for sku, _ in told:
        add_product(engine, sku)
    lines = ["sku,label", *(f'"{sku.replace(chr(34), chr(34) * 2)}","{label}"' for sku, label in told)]
    assert take(engine, "\n".join(lines))[1] == []
    before = words(engine)
    assert len(before) == 4
    with engine.connect() as connection:
        out = io.StringIO()
        import csv

        csv.writer(out).writerows([("sku", "label"), *((w.sku, w.label) for w in every_word(connection))])
    execute(engine, "DELETE FROM overrides")
    assert take(engine, out.getvalue())[1] == []
    assert words(engine) == before


def test_what_was_made_harmless_to_spreadsheets_is_taken_back_as_it_was(engine: sa.Engine) -> None:
    for sku in ("=1+1", "'=1+1", "it's"):
        add_product(engine, sku)
    shown = "".join(f"{harmless(sku)},{harmless('-5')}\n" for sku in ("=1+1", "'=1+1", "it's"))
    done, errors = take(engine, f"sku,label\n{shown}")
    assert (done.new, errors) == (3, [])
    assert sorted(words(engine)) == [(sku, "-5", True, "anna") for sku in ("'=1+1", "=1+1", "it's")]
