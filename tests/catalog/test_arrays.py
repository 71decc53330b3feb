"""Lists as parameters: what Postgres reads is what was given."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from math import inf, isnan, nan

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog.arrays import as_literals, literal

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
some = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def read(engine: sa.Engine, values: list[object], kind: str) -> object:
    with engine.connect() as connection:
        return connection.scalar(sa.text(f"SELECT CAST(:values AS {kind}[])"), {"values": values})


@some
@given(st.lists(st.none() | TEXT))
def test_texts(engine: sa.Engine, values: list[object]) -> None:
    assert read(engine, values, "text") == values


@some
@given(st.lists(st.none() | st.integers(-(2**63), 2**63 - 1)))
def test_integers(engine: sa.Engine, values: list[object]) -> None:
    assert read(engine, values, "bigint") == values


@some
@given(st.lists(st.none() | st.floats(allow_nan=False)))
def test_floats(engine: sa.Engine, values: list[object]) -> None:
    assert read(engine, values, "float8") == values


def test_floats_that_are_no_numbers(engine: sa.Engine) -> None:
    found = read(engine, [nan, inf, -inf], "real")
    assert isinstance(found, list)
    assert isnan(found[0])
    assert found[1:] == [inf, -inf]


@pytest.mark.parametrize(
    "word", ["NULL", "null", "", " ", "{}", ",", '"', "\\", "'", "%s", ":x", "é\U0001f45f\n\t"]
)
def test_texts_that_mean_something_in_an_array(engine: sa.Engine, word: str) -> None:
    assert read(engine, [word, None, word], "text") == [word, None, word]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([True, None, False], "boolean"),
        ([datetime(2026, 11, 30, tzinfo=UTC), None], "timestamptz"),
        ([Decimal("1.50"), Decimal(2)], "numeric"),
        ([[1, 2], [3, 4]], "bigint"),
        ([], "bigint"),
        ([None, None], "bigint"),
    ],
)
def test_other_lists_go_as_psycopg2_writes_them(engine: sa.Engine, values: list[object], kind: str) -> None:
    assert literal(values) is None
    assert read(engine, values, kind) == values


def test_texts_and_numbers_mixed_are_left_alone() -> None:
    assert [literal(mixed) for mixed in ([1, "a"], [1, 2.5], [True, 1])] == [None] * 3


@pytest.mark.parametrize("word", ["\0", "\ud800"])
def test_what_is_no_text_is_refused_as_ever(engine: sa.Engine, word: str) -> None:
    with pytest.raises((ValueError, UnicodeEncodeError)):
        read(engine, [word], "text")


def test_only_the_engine_that_was_given_is_changed(database_url: str) -> None:
    sent: list[object] = []
    for engine in (sa.create_engine(database_url), as_literals(sa.create_engine(database_url))):
        sa.event.listen(engine, "before_cursor_execute", lambda *told: sent.append(told[3]["values"]))
        assert read(engine, [1, 2], "bigint") == [1, 2]
        engine.dispose()
    assert sent == [[1, 2], "{1,2}"]
