"""Try again while a service may only be restarting."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

import structlog
from psycopg2 import ProgrammingError, errors
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, NotSupportedError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as NoneFree

from models.errors import first_line

log = structlog.get_logger()

T = TypeVar("T")

PAUSES = (0.1, 1.0, 2.0, 4.0, 8.0)  # seconds; together less than a lease


def patiently(action: Callable[[], T], pauses: Sequence[float] = PAUSES) -> T:
    """The result of `action`, tried again after each pause where the database is in trouble.

    `action` must be safe to repeat: a commit whose answer was lost may have happened.

    Raises what `action` raises at once if it is no trouble of the database's, else its last error.
    """
    for pause in pauses:
        try:
            return action()
        except SQLAlchemyError as error:
            if not is_database_trouble(error):
                raise
            log.warning("database in trouble, trying again", seconds=pause, error=first_line(error))
        time.sleep(pause)
    return action()


_TOO_LARGE = (errors.ProgramLimitExceeded, errors.StatementTooComplex)


def is_database_trouble(error: BaseException) -> bool:
    """Whether it is nobody's fault: away, full, deadlocked, read-only after a failover, at another schema …

    A row that Postgres, or the driver, will not take is the row's own trouble; what is no error of theirs is a bug.
    """
    if not isinstance(error, DBAPIError):
        return isinstance(error, NoneFree)  # of the pool's connections
    if error.connection_invalidated:
        return True
    values = isinstance(error, DataError | IntegrityError | NotSupportedError)
    not_sent = type(error.orig) is ProgrammingError  # the driver's own; Postgres' are of its subclasses
    return not (values or not_sent or isinstance(error.orig, _TOO_LARGE))
