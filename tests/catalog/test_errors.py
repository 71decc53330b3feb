"""What ended a job is told in a sentence."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from catalog.errors import StoreUnavailable, why


def test_ones_own_errors_are_told_as_they_are() -> None:
    assert why(StoreUnavailable("the store is away")) == "the store is away"


def test_others_are_named() -> None:
    assert why(OSError(28, "No space left on device")) == "OSError: [Errno 28] No space left on device"
    assert why(MemoryError()) == "MemoryError"


def test_of_the_databases_only_what_it_says(engine: sa.Engine) -> None:
    with engine.connect() as connection, pytest.raises(sa.exc.DBAPIError) as caught:
        connection.execute(sa.text("SELECT :secret FROM nowhere"), {"secret": "hush"})
    assert why(caught.value) == 'UndefinedTable: relation "nowhere" does not exist'


def test_ctrl_c_is_no_error() -> None:
    assert why(KeyboardInterrupt()) == "it was stopped before its end"
