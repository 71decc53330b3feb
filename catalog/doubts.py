"""What photos of a product say together, and what does not fit together about it: its verdicts and mismatches."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa


@dataclass(frozen=True, slots=True)
class Verdict:
    """A row of the view `product_verdicts`: one label of one classifier for all photos of a product."""

    model: str
    label: str
    score: float
    counts: bool
    origin: str
    photos: int
    agreeing: int
    disagreeing: int


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A row of the view `product_mismatches`: the feed says one thing, the photos show another."""

    aspect: str
    feed: str
    photo: str


def verdicts(connection: sa.Connection, product_id: int) -> tuple[Verdict, ...]:
    """One a serving classifier that has seen the product, by its name."""
    return tuple(Verdict(*row) for row in connection.execute(_VERDICTS, {"product": product_id}))


def mismatches(connection: sa.Connection, product_id: int) -> tuple[Mismatch, ...]:
    """Those that nobody has dismissed."""
    return tuple(Mismatch(*row) for row in connection.execute(_MISMATCHES, {"product": product_id}))


_VERDICTS = sa.text(
    """
    SELECT model, label, score, counts, origin, photos, agreeing, disagreeing FROM product_verdicts
    WHERE product_id = :product ORDER BY model
    """
)

_MISMATCHES = sa.text(
    "SELECT aspect, feed, photo FROM product_mismatches WHERE product_id = :product ORDER BY aspect, photo"
)
