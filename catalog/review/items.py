"""Items of review queues: what a page needs to ask a person about a product."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from catalog.review.walks import Kind

ALTERNATIVES = 4


@dataclass(frozen=True, slots=True)
class Alternative:
    """Another label with its score; `agreeing` photos have it as their best."""

    label: str
    score: float
    agreeing: int


@dataclass(frozen=True, slots=True)
class ReviewItem:
    """A product to be looked at, and the label in question with the score of all photos together.

    Of a colour that does not fit the feed, `label`, `score` and `threshold` are None. `feed`, `photo` and `aspect` are
    of mismatches; `confidence` is 0 to 1, None where the queue goes by scores. `reason` is a sentence for people.
    """

    kind: Kind
    product_id: int
    sku: str
    title: str | None
    image_id: int
    object_key: str
    model: str
    label: str | None
    score: float | None
    threshold: float | None
    agreeing: int
    photos: int
    alternatives: tuple[Alternative, ...]
    aspect: str | None
    feed: str | None
    photo: str | None
    confidence: float | None
    reason: str


def items(connection: sa.Connection, kind: Kind, found: Sequence[sa.Row[Any]]) -> list[ReviewItem]:
    """Rows of a walk with all that belongs to them, in the same order."""
    columns = {
        "products": [row.product_id for row in found],
        "models": [row.model for row in found],
        "labels": [row.label for row in found],
        "images": [row.image_id for row in found],
        "alternatives": ALTERNATIVES,
    }
    details = connection.execute(_DETAILS, columns).all() if found else []
    return [_item(kind, row, detail) for row, detail in zip(found, details, strict=True)]


def _item(kind: Kind, row: sa.Row[Any], detail: sa.Row[Any]) -> ReviewItem:
    known = {name: value for name, value in detail._mapping.items() if name not in ("place", "alternatives")}
    others = tuple(Alternative(**one) for one in detail.alternatives)
    item = {
        **known,
        **{name: getattr(row, name) for name in ("product_id", "image_id", "model", "label")},
        **{name: getattr(row, name) for name in ("aspect", "feed", "photo", "confidence")},
    }
    reason = _reason(kind, row, detail, others)
    return ReviewItem(kind=kind, alternatives=others, reason=reason, **item)


def _reason(kind: Kind, row: sa.Row[Any], detail: sa.Row[Any], others: Sequence[Alternative]) -> str:
    match kind:
        case Kind.UNCERTAIN:
            return f"the photos give {row.label} {detail.score:.2f} together; it counts from {detail.threshold:.2f}"
        case Kind.DISAGREEING:
            sides = (Alternative(row.label, detail.score, detail.agreeing), *others)
            shown = ", ".join(f"{side.agreeing} {side.label}" for side in sides if side.agreeing)
            return f"the {detail.photos} photos disagree: {shown}"
        case Kind.MISMATCH:
            return f"the feed says {row.feed}, the photos show {row.photo}"


_DETAILS = sa.text(
    """
    SELECT a.place, p.sku, p.title, i.object_key, mine.score, mine.threshold, coalesce(mine.agreeing, 0) AS agreeing,
           coalesce(mine.photos, 0) AS photos, other.alternatives
    FROM unnest(CAST(:products AS bigint[]), CAST(:models AS text[]), CAST(:labels AS text[]),
                CAST(:images AS bigint[])) WITH ORDINALITY a (product_id, model, label, image_id, place)
    JOIN products p ON p.id = a.product_id
    JOIN images i ON i.id = a.image_id
    LEFT JOIN LATERAL (
        SELECT s.score, s.threshold, s.agreeing, s.photos FROM product_scores s
        WHERE s.product_id = a.product_id AND s.model = a.model AND s.label = a.label
    ) mine ON true
    CROSS JOIN LATERAL (
        SELECT coalesce(jsonb_agg(jsonb_build_object('label', s.label, 'score', s.score, 'agreeing', s.agreeing)
                                  ORDER BY s.score DESC, s.label), '[]') AS alternatives
        FROM (SELECT s.label, s.score, s.agreeing FROM product_scores s
              WHERE s.product_id = a.product_id AND s.model = a.model AND s.label <> a.label
                AND s.accepted IS NOT FALSE
              ORDER BY s.score DESC, s.label LIMIT :alternatives) s
    ) other
    ORDER BY a.place
    """
)
