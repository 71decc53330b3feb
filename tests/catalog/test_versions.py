"""The registry of model versions."""

from __future__ import annotations

from decimal import Decimal

import pytest
import sqlalchemy as sa

from catalog import versions
from catalog.errors import UnknownModel
from tests.catalog.shop import add_version, execute, rows, spec


def test_the_first_version_of_a_name_serves_and_the_next_is_a_candidate(engine: sa.Engine) -> None:
    made = [add_version(engine, "product-type", n) for n in (1, 2)] + [add_version(engine, "product-mask")]
    assert [version.state for version in made] == ["serving", "candidate", "serving"]
    with engine.connect() as connection:
        assert [version.key for version in versions.every(connection)] == [
            "product-mask@1",
            "product-type@1",
            "product-type@2",
        ]


def test_new_photos_get_the_serving_versions_that_are_run_on_ingest(engine: sa.Engine) -> None:
    add_version(engine, "product-type", 1)
    add_version(engine, "product-type", 2)
    add_version(engine, "product-cutout", 1, on_ingest=False)
    with engine.connect() as connection:
        assert [version.key for version in versions.for_new_photos(connection)] == ["product-type@1"]


@pytest.mark.parametrize(
    ("reference", "found"),
    [
        ("product-type", "product-type@2"),
        ("product-type@1", "product-type@1"),
        ("product-type@3", "product-type@3"),
    ],
)
def test_a_name_finds_the_version_that_serves_and_a_number_that_version(
    engine: sa.Engine, reference: str, found: str
) -> None:
    for number in (1, 2, 3):
        add_version(engine, "product-type", number)
    execute(engine, "UPDATE model_versions SET state = 'retired' WHERE version = 1")
    execute(engine, "UPDATE model_versions SET state = 'serving' WHERE version = 2")
    with engine.connect() as connection:
        assert versions.find(connection, reference).key == found


@pytest.mark.parametrize(
    "reference",
    ["", "product", "product-type@2", "product-type@", "product-type@x", "product-type@" + "9" * 30, "@1"],
)
def test_an_unknown_name_or_number_lists_the_known(engine: sa.Engine, reference: str) -> None:
    add_version(engine, "product-type", 1)
    add_version(engine, "product-mask", 1)
    with (
        engine.connect() as connection,
        pytest.raises(UnknownModel, match=r"product-mask@1, product-type@1$"),
    ):
        versions.find(connection, reference)


def test_without_any_model_the_error_says_none(engine: sa.Engine) -> None:
    with engine.connect() as connection, pytest.raises(UnknownModel, match=r"registered are: none$"):
        versions.find(connection, "product-type")


def test_numbers_count_on_by_name(engine: sa.Engine) -> None:
    add_version(engine, "product-type", 1)
    add_version(engine, "product-type", 4)
    with engine.begin() as connection:
        assert [versions.next_number(connection, name) for name in ("product-type", "product-mask")] == [5, 1]


def test_versions_with_the_same_weights_are_siblings_and_twins_are_of_one_name_and_task(
    engine: sa.Engine,
) -> None:
    first = add_version(engine, "product-type", sha256="a" * 64)
    add_version(engine, "product-detector", task="detect", sha256="a" * 64)
    add_version(engine, "product-cutout", task="segment", sha256="b" * 64)
    with engine.connect() as connection:
        siblings = versions.with_siblings(connection, [first.id])
        assert [version.key for version in siblings] == ["product-detector@1", "product-type@1"]
        assert versions.same_weights(connection, "product-type", "classify", "a" * 64) == [first]
        assert versions.same_weights(connection, "product-type", "detect", "a" * 64) == []


def test_a_versions_threshold_is_where_its_labels_start_to_count(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        versions.register(connection, spec(options={"threshold": 0.3}))
        versions.register(connection, spec(version=2, options={"threshold": 0.9}))
    assert rows(engine, "SELECT label, round(threshold::numeric, 2) FROM thresholds") == [
        ("", Decimal("0.30"))
    ]
