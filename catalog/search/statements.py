"""Statements with parts, made once a process: reading one for its parameters takes as long as a small one runs."""

from __future__ import annotations

from functools import lru_cache

import sqlalchemy as sa

KEPT = 512


@lru_cache(KEPT)
def statement(template: str, **parts: str) -> sa.TextClause:
    """`template` with its parts put in. They are SQL of ours; values are parameters, always."""
    return sa.text(template.format(**parts))
