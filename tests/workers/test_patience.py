"""Whose trouble is it, and is it tried again?"""

from __future__ import annotations

import psycopg2
import pytest
import sqlalchemy as sa
from psycopg2 import errors

from workers import patience
from workers.patience import is_database_trouble, patiently


def wrapped(error: Exception) -> sa.exc.DBAPIError:
    made = sa.exc.DBAPIError.instance("SELECT 1", {}, error, psycopg2.Error)
    assert isinstance(made, sa.exc.DBAPIError)
    return made


@pytest.mark.parametrize(
    ("error", "trouble"),
    [
        (errors.AdminShutdown("terminating connection"), True),
        (errors.DeadlockDetected("deadlock"), True),
        (errors.SerializationFailure("could not serialize"), True),
        (errors.TooManyConnections("too many clients"), True),
        (errors.DiskFull("no space left"), True),
        (errors.ReadOnlySqlTransaction("a replica"), True),
        (errors.UndefinedTable("another schema"), True),
        (errors.InvalidParameterValue("NaN not allowed in vector"), False),
        (errors.UniqueViolation("duplicate key"), False),
        (errors.ProgramLimitExceeded("vector cannot have more than 16000 dimensions"), False),
        (psycopg2.ProgrammingError("can't adapt type 'Box'"), False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_row_is_at_fault_only_for_its_own_values(error: Exception, trouble: bool) -> None:
    assert is_database_trouble(wrapped(error)) is trouble


def test_no_free_connection_is_trouble_and_a_bug_is_none() -> None:
    assert is_database_trouble(sa.exc.TimeoutError("QueuePool limit reached"))
    assert not is_database_trouble(sa.exc.ArgumentError("a bug"))
    assert not is_database_trouble(ValueError("a bug"))


def test_trouble_is_waited_for_and_a_fault_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience.time, "sleep", lambda seconds: None)
    answers: list[object] = [wrapped(errors.AdminShutdown("restarting"))] * 3

    def action() -> str:
        if answers:
            raise answers.pop()  # type: ignore[misc]
        return "there"

    assert patiently(action) == "there"
    answers.append(wrapped(errors.UniqueViolation("duplicate key")))
    with pytest.raises(sa.exc.IntegrityError):
        patiently(action)
    assert answers == []


def test_in_the_end_patience_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience.time, "sleep", lambda seconds: None)
    calls = []

    def action() -> None:
        calls.append(1)
        raise wrapped(errors.AdminShutdown("gone for good"))

    with pytest.raises(sa.exc.OperationalError):
        patiently(action)
    assert len(calls) == len(patience.PAUSES) + 1
