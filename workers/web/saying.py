"""What somebody says to a label, by a form or by the API, as the catalog writes it down."""

from __future__ import annotations

from typing import Literal

from catalog import review
from catalog.errors import BadDecision
from catalog.review import Decision

Say = Literal["accept", "reject", "relabel", "withdraw"]


def decisions(sku: str, label: str, decision: Say, to: str = "") -> tuple[Decision, ...]:
    """What is written down for it. Raises BadDecision."""
    if not label or (decision == "relabel" and not to):
        raise BadDecision("there is no label: choose or write one")
    match decision:
        case "relabel":
            return review.relabelled(sku, label, to)
        case "withdraw":
            return tuple(Decision(sku, one, None) for one in (label, to) if one)
        case _:
            return (Decision(sku, label, decision == "accept"),)
