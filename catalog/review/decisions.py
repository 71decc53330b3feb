"""What people decide on products' labels: the one way into `overrides` for command line, API and pages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa

from catalog.label_import import upsert
from catalog.review.names import check_author, check_labels
from catalog.skus import product_ids


@dataclass(frozen=True, slots=True)
class Decision:
    """A word on a product's label: it has it, it has not, or (None) the word that was said is taken back."""

    sku: str
    label: str
    accepted: bool | None


@dataclass(frozen=True, slots=True)
class Decided:
    """What became of decisions: words that are new, that say otherwise now, that were taken back, that were known."""

    new: int
    changed: int
    withdrawn: int
    same: int

    def __add__(self, more: Decided) -> Decided:
        return Decided(
            self.new + more.new,
            self.changed + more.changed,
            self.withdrawn + more.withdrawn,
            self.same + more.same,
        )


def relabelled(sku: str, wrong: str, right: str) -> tuple[Decision, Decision]:
    """The product has not the one label but the other."""
    return Decision(sku, wrong, False), Decision(sku, right, True)


def decide(connection: sa.Connection, decisions: Iterable[Decision], author: str) -> Decided:
    """Write people's word down, in the caller's transaction; of decisions on the same label the last counts.

    Doing it again changes nothing. Raises UnknownSku, UnknownLabel, BadDecision: then nothing was written.
    """
    whose = check_author(author)
    last = {(one.sku, one.label): one.accepted for one in decisions}
    product_ids(connection, (sku for sku, _ in last))
    check_labels(connection, (label for _, label in last))
    said = {key: accepted for key, accepted in last.items() if accepted is not None}
    fresh = upsert(connection, said, whose) if said else []
    withdrawn = _withdraw(connection, [key for key, accepted in last.items() if accepted is None])
    return Decided(sum(fresh), len(fresh) - sum(fresh), withdrawn, len(last) - len(fresh) - withdrawn)


def _withdraw(connection: sa.Connection, keys: list[tuple[str, str]]) -> int:
    columns = {"skus": [sku for sku, _ in keys], "labels": [label for _, label in keys]}
    return len(connection.execute(_WITHDRAW, columns).all()) if keys else 0


# In the order in which words are written, so that two who decide at once do not wait for each other in a circle.
_WITHDRAW = sa.text(
    """
    WITH said AS (
        SELECT o.product_id, o.label
        FROM unnest(CAST(:skus AS text[]), CAST(:labels AS text[])) AS told (sku, label)
        JOIN products p ON p.sku = told.sku
        JOIN overrides o ON o.product_id = p.id AND o.label = told.label
        ORDER BY o.product_id, o.label FOR UPDATE OF o
    )
    DELETE FROM overrides o USING said
    WHERE o.product_id = said.product_id AND o.label = said.label RETURNING o.label
    """
)
