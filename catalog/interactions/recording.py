"""Interactions into the table `interactions`: each once, however often it is told."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from catalog.interactions.rows import Interaction
from catalog.manifests.rows import RowError, shown


@dataclass(frozen=True, slots=True)
class Recorded:
    """`known` were told before, or twice; `refused` are in the order they came in."""

    new: int
    known: int
    refused: tuple[RowError, ...]


def record(connection: sa.Connection, interactions: Sequence[Interaction | RowError]) -> Recorded:
    """Take interactions in, inside the caller's transaction; those that `read` could not make are handed on.

    What is committed counts in the next recommendation.
    """
    told = [one for one in interactions if isinstance(one, Interaction)]
    skus = set(connection.scalars(_KNOWN, {"skus": list({one.sku for one in told})}))
    good = [one for one in told if one.sku in skus]
    new = connection.execute(_INSERT, _parameters(good)).rowcount if good else 0
    errors = (_error(one, skus) for one in interactions)
    return Recorded(new, len(good) - new, tuple(error for error in errors if error))


def _parameters(good: Sequence[Interaction]) -> dict[str, object]:
    return {
        "shoppers": [one.shopper for one in good],
        "skus": [one.sku for one in good],
        "kinds": [one.kind for one in good],
        "times": [one.happened_at for one in good],
    }


def _error(one: Interaction | RowError, skus: Collection[str]) -> RowError | None:
    if isinstance(one, RowError):
        return one
    if one.sku in skus:
        return None
    sku = shown(one.sku)
    reason = f"there is no product {sku}; ingest it first, or correct the sku"
    return RowError(one.line, sku, None, "unknown_sku", reason)


_KNOWN = sa.text("SELECT sku FROM products WHERE sku = ANY(CAST(:skus AS text[]))")

# In one order, so that two who tell of the same at once do not wait for each other in a circle.
_INSERT = sa.text(
    """
    INSERT INTO interactions (shopper, happened_at, product_id, kind)
    SELECT told.shopper, told.happened_at, p.id, told.kind
    FROM unnest(CAST(:shoppers AS text[]), CAST(:times AS timestamptz[]), CAST(:skus AS text[]), CAST(:kinds AS text[]))
         AS told (shopper, happened_at, sku, kind)
    JOIN products p ON p.sku = told.sku
    ORDER BY 1, 2, 3, 4
    ON CONFLICT DO NOTHING
    """
)
