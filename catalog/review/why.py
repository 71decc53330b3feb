"""Why a product has a label, or has it not: photos, model, score, cut-off, mapping rule and person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from catalog.review.names import check_labels
from catalog.review.sentences import sentence
from catalog.skus import product_ids


@dataclass(frozen=True, slots=True)
class Word:
    """A person's word: the product has the label, or has it not."""

    accepted: bool
    author: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Evidence:
    """A photo's raw score for the label, best first."""

    image_id: int
    object_key: str
    position: int
    score: float


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a serving classifier says. Of the photos it has `seen`, `photos` have the label among their best.

    `score` is that of all photos together (0 where none has it). `threshold_of` is label, model or default; the three
    fields behind it are None where it was set by hand. `category` and `names` are the taxonomy's, if a rule is there.
    """

    model: str
    seen: int
    photos: tuple[Evidence, ...]
    score: float
    threshold: float
    threshold_of: str
    target_precision: float | None
    reviews: int | None
    fitted_at: datetime | None
    category: str | None
    names: dict[str, Any] | None

    @property
    def shown(self) -> bool:
        """Whether a photo reaches the cut-off, so that the label is shown unless a person says otherwise."""
        return bool(self.photos) and self.photos[0].score >= self.threshold


@dataclass(frozen=True, slots=True)
class Why:
    """All that decides whether `label` is shown of the product, and the sentence for people."""

    sku: str
    label: str
    shown: bool
    sentence: str
    word: Word | None
    opinions: tuple[Opinion, ...]


def why(connection: sa.Connection, sku: str, label: str) -> Why:
    """Raises UnknownSku, UnknownLabel."""
    product_id = product_ids(connection, [sku])[sku]
    check_labels(connection, [label])
    about = {"product_id": product_id, "label": label}
    said = connection.execute(_WORD, about).one_or_none()
    word = Word(*said) if said else None
    opinions = tuple(_opinion(row) for row in connection.execute(_OPINIONS, about))
    shown = word.accepted if word else any(opinion.shown for opinion in opinions)
    return Why(sku, label, shown, sentence(label, word, opinions), word, opinions)


def _opinion(row: sa.Row[Any]) -> Opinion:
    fields = dict(row._mapping)
    photos = tuple(Evidence(**one) for one in fields.pop("photos"))
    return Opinion(photos=photos, **fields)


_WORD = sa.text(
    "SELECT accepted, author, created_at FROM overrides WHERE product_id = :product_id AND label = :label"
)

_OPINIONS = sa.text(
    """
    SELECT m.name || '@' || m.version AS model, coalesce(s.photos, all_scores.photos, 0) AS seen, found.photos,
           coalesce(s.score, 0) AS score, cut.threshold, cut.threshold_of, cut.target_precision, cut.reviews,
           cut.fitted_at, t.category, t.names
    FROM model_versions m
    LEFT JOIN product_scores s ON s.product_id = :product_id AND s.model = m.name AND s.label = :label
    LEFT JOIN LATERAL (
        SELECT max(a.photos) AS photos FROM product_scores a WHERE a.product_id = :product_id AND a.model = m.name
    ) all_scores ON true
    LEFT JOIN taxonomy t ON t.model_name = m.name AND t.label = :label
    CROSS JOIN LATERAL (
        SELECT coalesce(jsonb_agg(jsonb_build_object('image_id', i.id, 'object_key', i.object_key,
                                                     'position', pi.position, 'score', c.score)
                                  ORDER BY c.score DESC, pi.position, i.id), '[]') AS photos
        FROM product_images pi
        JOIN classifications c ON c.image_id = pi.image_id AND c.model_version_id = m.id AND c.label = :label
        JOIN images i ON i.id = pi.image_id
        WHERE pi.product_id = :product_id
    ) found
    CROSS JOIN LATERAL (
        SELECT threshold, threshold_of, CASE WHEN fitted_at = updated_at THEN target_precision END AS target_precision,
               CASE WHEN fitted_at = updated_at THEN reviews END AS reviews,
               CASE WHEN fitted_at = updated_at THEN fitted_at END AS fitted_at
        FROM (SELECT threshold, 1 AS place, 'label' AS threshold_of, target_precision, reviews, fitted_at, updated_at
              FROM thresholds WHERE model_name = m.name AND label = :label
              UNION ALL
              SELECT threshold, 2, 'model', target_precision, reviews, fitted_at, updated_at
              FROM thresholds WHERE model_name = m.name AND label = ''
              UNION ALL
              SELECT CAST(0.5 AS real), 3, 'default', NULL, NULL, NULL, NULL) known
        ORDER BY place LIMIT 1
    ) cut
    WHERE m.state = 'serving' AND m.task = 'classify' AND :label = ANY(m.labels)
    ORDER BY m.name
    """
)
