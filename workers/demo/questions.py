"""The demo's five questions to the catalog: SQL on the documented views, as anyone may ask it in `tagmill psql`."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import sqlalchemy as sa

FOLDER = Path(__file__).parent / "queries"
MOST_SIMILAR = "3-most-similar"


@dataclass(frozen=True, slots=True)
class Question:
    """`sql` can be pasted into psql as it is; `ask` is what it finds out."""

    name: str
    ask: str
    sql: str


@dataclass(frozen=True, slots=True)
class Answered:
    """A question with its rows; numbers are int or float, all else text or None."""

    question: Question
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


def questions(sku: str) -> list[Question]:
    """The questions in order; the one about a product is about `sku`."""
    return [_read(path, sku) for path in sorted(FOLDER.glob("*.sql"))]


def most_similar(sku: str) -> Question:
    """Which products look most like `sku`."""
    return _read(FOLDER / f"{MOST_SIMILAR}.sql", sku)


def answer(connection: sa.Connection, question: Question) -> Answered:
    """Ask the database."""
    # As the driver takes it, where a colon is a colon and not a parameter; to the driver a percent sign is one.
    result = connection.exec_driver_sql(question.sql.replace("%", "%%"))
    rows = tuple(tuple(_plain(value) for value in row) for row in result)
    return Answered(question, tuple(result.keys()), rows)


def _read(path: Path, sku: str) -> Question:
    """The first line of a file is its question; `:'sku'` is psql's way to name a variable."""
    first, _, sql = path.read_text(encoding="utf-8").partition("\n")
    literal = "'" + sku.replace("'", "''") + "'"
    return Question(path.stem, first.removeprefix("--").strip(), sql.strip().replace(":'sku'", literal))


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return (
            int(value)
            if value == value.to_integral_value() and value.as_tuple().exponent == 0
            else float(value)
        )
    return value
