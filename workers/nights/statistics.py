"""Refresh Postgres' statistics, by which it chooses how to answer, and what shoppers take together."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from catalog import recommend
from catalog.tables import Base
from workers.due import Schedule, Turn

SUBJECT = "statistics of all tables"


def _refresh(turn: Turn) -> tuple[str, dict[str, Any]]:
    tables = sorted(Base.metadata.tables)
    for table in tables:  # one at a time: no lock is held for long
        turn.check()
        with turn.runtime.engine.begin() as connection:
            connection.execute(sa.text(f"ANALYZE {table}"))
    turn.check()
    made = recommend.refresh(turn.runtime.engine)
    return SUBJECT, {"tables": len(tables), "product_pairs": made.pairs if made else None}


SCHEDULE = Schedule("statistics", "statistics", lambda _: SUBJECT, _refresh)
