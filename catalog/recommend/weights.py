"""How much an interaction counts, in SQL: by what was done, and how long ago."""

from __future__ import annotations

KINDS = {"view": 1.0, "cart": 3.0, "purchase": 5.0}
HALF_LIFE_DAYS = 30.0
"""An interaction counts half as much after so long."""
_OLDEST = 50  # half-lives; beyond, Postgres would say that the number is too small for it


def counts(rows: str, now: str) -> str:
    """The weight of a row of `rows`, an alias of interactions, at the moment `now`, which may be earlier."""
    kinds = " ".join(f"WHEN '{kind}' THEN {weight}" for kind, weight in KINDS.items())
    days = f"extract(epoch FROM {now} - {rows}.happened_at)::float8 / 86400"
    decay = f"power(0.5::float8, least(greatest({days}, 0) / {HALF_LIFE_DAYS}, {_OLDEST}))"
    return f"(CASE {rows}.kind {kinds} END * {decay})"
