"""The score from which a label counts, in SQL: its own threshold's, else its model's, else 0.5, as in the views."""

from __future__ import annotations


def joined(rows: str) -> str:
    """Joins to the thresholds of `rows`, an alias that has a label; the model versions are `m`."""
    return f"""
    LEFT JOIN thresholds own ON own.model_name = m.name AND own.label = {rows}.label
    LEFT JOIN thresholds general ON general.model_name = m.name AND general.label = ''
    """


def counts(rows: str) -> str:
    """Whether a row of `rows` counts, behind `joined`."""
    return f"{rows}.score >= coalesce(own.threshold, general.threshold, 0.5)"
