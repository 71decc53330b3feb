"""The demo's SQL: five questions that the schema can answer."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from workers.demo.questions import answer, most_similar, questions

SKU = "it's 100 % %(odd)s :name"


def test_there_are_five_with_a_question_each() -> None:
    found = questions("A")
    assert len(found) == 5
    assert all(one.ask.endswith(("?", ".")) and one.sql.endswith(";") for one in found)
    assert len({one.name for one in found}) == 5


def test_the_sku_is_quoted() -> None:
    assert "'it''s 100 % %(odd)s :name'" in most_similar(SKU).sql


@pytest.mark.parametrize("number", range(5))
def test_postgres_answers_on_an_empty_catalog(engine: sa.Engine, number: int) -> None:
    with engine.connect() as connection:
        found = answer(connection, questions(SKU)[number])
    assert found.columns
    assert found.rows == ()
