"""Statements as a search runs them: at microseconds each, there are many."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import sqlalchemy as sa

KEPT = 512


@lru_cache(KEPT)
def statement(template: str, **parts: str) -> sa.TextClause:
    """`template` with its parts put in. They are SQL of ours; values are parameters, always.

    Made once a process: reading one for its parameters takes as long as a small one runs.
    """
    return sa.text(template.format(**parts))


def ids(connection: sa.Connection, query: sa.TextClause, parameters: Mapping[str, object]) -> list[int]:
    """The first column, fetched at once: row by row each takes microseconds more."""
    return list(connection.scalars(query, parameters).all())
