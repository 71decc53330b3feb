"""Review queues: products that are most worth a person's look, a page at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from catalog.review import cursors
from catalog.review.cursors import Place
from catalog.review.items import ReviewItem, items
from catalog.review.walks import BEGINNINGS, BELONGING, CANDIDATES, WINDOW, Kind

STEPS = {
    Kind.UNCERTAIN: (200, 400, 800, 1600),
    Kind.DISAGREEING: (200, 400, 800, 1600),
    Kind.MISMATCH: (100, 200, 400),
}
"""Candidates that the looks for one page take: where little is to be reviewed a page may have fewer items, and another
after it all the same. Of mismatches, which cost most, fewer."""


@dataclass(frozen=True, slots=True)
class ReviewPage:
    """Items in the queue's order. `after` asks for the next page; None where all was looked at.

    What is decided meanwhile falls out and moves nothing else: `after` names a place, not a number of items.
    """

    items: tuple[ReviewItem, ...]
    after: str | None


def queue(connection: sa.Connection, kind: Kind, *, size: int = 24, after: str | None = None) -> ReviewPage:
    """The next items behind `after`. Nothing is written. Raises BadCursor."""
    place = BEGINNINGS[kind] if after is None else cursors.read(kind, after)
    found: list[sa.Row[Any]] = []
    for step in STEPS[kind]:
        candidates = _candidates(connection, kind, place, step)
        if not candidates:
            return ReviewPage(tuple(items(connection, kind, found)), None)
        belonging = _belonging(connection, kind, candidates)
        for index, place in enumerate(candidates, start=1):
            found += belonging[index]
            if len(found) >= size:
                return _page(connection, kind, found, place)
    return _page(connection, kind, found, place)


def _page(connection: sa.Connection, kind: Kind, found: Sequence[sa.Row[Any]], place: Place) -> ReviewPage:
    return ReviewPage(tuple(items(connection, kind, found)), cursors.write(kind, place))


def _candidates(connection: sa.Connection, kind: Kind, place: Place, step: int) -> list[Place]:
    parameters = {**asdict(place), "step": step, "window": WINDOW}
    return [Place(*row) for row in connection.execute(CANDIDATES[kind], parameters)]


def _belonging(
    connection: sa.Connection, kind: Kind, candidates: Sequence[Place]
) -> Mapping[int, list[sa.Row[Any]]]:
    """What belongs in the queue, by the candidates' place from 1."""
    columns = {
        "ranks": [one.rank for one in candidates],
        "numbers": [one.number for one in candidates],
        "labels": [one.label for one in candidates],
        "products": [one.product_id for one in candidates],
        "window": WINDOW,
    }
    found = defaultdict(list)
    for row in connection.execute(BELONGING[kind], columns):
        found[row.place].append(row)
    return found
