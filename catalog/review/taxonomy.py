"""The shop's taxonomy: which of its categories a model's label is, and what they are called by locale."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa


@dataclass(frozen=True, slots=True)
class Rule:
    """A label of a model is a category of the shop; `names` are its names by locale, such as {"de": "Kleider"}."""

    model: str
    label: str
    category: str
    names: dict[str, Any]


def every(connection: sa.Connection) -> list[Rule]:
    """All rules, by model and label."""
    return [Rule(*row) for row in connection.execute(_EVERY)]


def unmapped(connection: sa.Connection) -> list[tuple[str, str]]:
    """(model, label) of serving classifiers that no rule is for."""
    return [(model, label) for model, label in connection.execute(_UNMAPPED)]


def replace(connection: sa.Connection, rules: Sequence[Rule]) -> int:
    """Let `rules` be the taxonomy of the models they name, in place of what was; returns how many rules went.

    Rules of other models stay.
    """
    columns = {
        "models": [rule.model for rule in rules],
        "labels": [rule.label for rule in rules],
        "categories": [rule.category for rule in rules],
        "names": [json.dumps(rule.names) for rule in rules],
    }
    gone = connection.execute(_REMOVE, columns).rowcount
    connection.execute(_PUT, columns)
    return gone


_EVERY = sa.text(
    'SELECT model_name, label, category, names FROM taxonomy ORDER BY model_name COLLATE "C", label COLLATE "C"'
)

_UNMAPPED = sa.text(
    """
    SELECT m.name, l.label FROM model_versions m CROSS JOIN unnest(m.labels) l (label)
    WHERE m.state = 'serving' AND m.task = 'classify'
      AND NOT EXISTS (SELECT FROM taxonomy t WHERE t.model_name = m.name AND t.label = l.label)
    ORDER BY m.name COLLATE "C", l.label COLLATE "C"
    """
)

_REMOVE = sa.text(
    """
    DELETE FROM taxonomy t
    WHERE t.model_name = ANY(:models)
      AND (t.model_name, t.label) NOT IN (
        SELECT model, label FROM unnest(CAST(:models AS text[]), CAST(:labels AS text[])) kept (model, label))
    """
)

_PUT = sa.text(
    """
    INSERT INTO taxonomy (model_name, label, category, names)
    SELECT model, label, category, CAST(names AS jsonb)
    FROM unnest(CAST(:models AS text[]), CAST(:labels AS text[]), CAST(:categories AS text[]), CAST(:names AS text[]))
         AS rule (model, label, category, names)
    ORDER BY model, label
    ON CONFLICT (model_name, label) DO UPDATE SET category = excluded.category, names = excluded.names
    """
)
