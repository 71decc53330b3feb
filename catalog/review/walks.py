"""The order in which each queue looks at products, and which of those belong in it.

A walk reads an index from where it stood, so each step costs the same, however many products there are.
"""

from __future__ import annotations

from enum import StrEnum

import sqlalchemy as sa

from catalog.review.cursors import LARGEST, Place

WINDOW = 0.2
"""How far from its cut-off a score may lie to be uncertain."""


class Kind(StrEnum):
    """What a review queue is of."""

    UNCERTAIN = "uncertain"
    DISAGREEING = "disagreeing"
    MISMATCH = "mismatch"


BEGINNINGS = {
    Kind.UNCERTAIN: Place(0.0),
    Kind.DISAGREEING: Place(0.0, -LARGEST),
    Kind.MISMATCH: Place(-1.0),
}

_CUT = """
    cut AS (
        SELECT m.id AS version_id, m.name AS model, l.label,
               CAST(coalesce(own.threshold, general.threshold, 0.5) AS float8) AS threshold
        FROM model_versions m
        CROSS JOIN unnest(m.labels) l (label)
        LEFT JOIN thresholds own ON own.model_name = m.name AND own.label = l.label
        LEFT JOIN thresholds general ON general.model_name = m.name AND general.label = ''
        WHERE m.state = 'serving' AND m.task = 'classify')
"""

# Photos from both sides of each cut-off, the nearest first, merged: each side is a stretch of ix_classifications_label.
# A difference of two scores as float8 is exact, so the place that was reached is found again.
_SIDE = """
    (SELECT c.image_id, abs(cut.threshold - c.score) AS rank FROM classifications c
     WHERE c.label = cut.label AND c.model_version_id = cut.version_id AND {side}
       AND (abs(cut.threshold - c.score), c.image_id, c.label) >= (:rank, :number, :label)
     ORDER BY c.score {order}, c.image_id LIMIT :step)
"""
_BELOW = _SIDE.format(
    side="c.score < cut.threshold AND c.score <= cut.threshold - :rank AND c.score > cut.threshold - :window",
    order="DESC",
)
_ABOVE = _SIDE.format(
    side="c.score >= cut.threshold + :rank AND c.score < cut.threshold + :window", order="ASC"
)

# The surest first. A score may be that of a hundred thousand photos, such as 1; then the sort takes a moment.
_SUREST = """
    (SELECT c.image_id, CAST(-c.score AS float8) AS rank FROM classifications c
     WHERE c.label = cut.label AND c.model_version_id = cut.version_id
       AND c.score >= cut.threshold AND c.score <= -CAST(:rank AS float8)
       AND (CAST(-c.score AS float8), c.image_id, c.label) >= (:rank, :number, :label)
     ORDER BY c.score DESC, c.image_id LIMIT :step)
"""

# A photo may show several products, as one that says that there is no photo yet shows thousands, or none by now.
_PHOTOS = f"""
    WITH {_CUT}, photo AS (
        SELECT DISTINCT one.rank, one.image_id AS number, cut.label FROM cut CROSS JOIN LATERAL ({{side}}) one
        ORDER BY 1, 2, 3 LIMIT :step)
    SELECT photo.rank, photo.number, photo.label, coalesce(pi.product_id, 0) AS product_id
    FROM photo LEFT JOIN product_images pi ON pi.image_id = photo.number
    WHERE (photo.rank, photo.number, photo.label, coalesce(pi.product_id, 0)) > (:rank, :number, :label, :product_id)
    ORDER BY 1, 2, 3, 4 LIMIT :step
"""

# Numbers are negative, so that the newest product comes first.
_NEWEST = """
    SELECT CAST(0 AS float8) AS rank, -id AS number, '' AS label, id AS product_id FROM products
    WHERE id < -CAST(:number AS bigint) ORDER BY id DESC LIMIT :step
"""

CANDIDATES = {
    Kind.UNCERTAIN: sa.text(_PHOTOS.format(side=f"{_BELOW} UNION ALL {_ABOVE}")),
    Kind.DISAGREEING: sa.text(_NEWEST),
    Kind.MISMATCH: sa.text(_PHOTOS.format(side=_SUREST)),
}
"""The next candidates behind a place: rank, number, label, product_id, in this order."""

_ASKED = """
    unnest(CAST(:ranks AS float8[]), CAST(:numbers AS bigint[]), CAST(:labels AS text[]),
           CAST(:products AS bigint[])) WITH ORDINALITY a (rank, number, label, product_id, place)
"""

# By the scores of the main photo, once by the label nearest to its cut-off; then all photos are taken together. Several
# classifiers may give a label: each answers for its own candidates.
_UNCERTAIN = f"""
    WITH {_CUT}
    SELECT a.place, a.product_id, s.model, s.label, a.number AS image_id, NULL AS aspect, NULL AS feed, NULL AS photo,
           NULL AS confidence
    FROM {_ASKED}
    JOIN product_scores s ON s.product_id = a.product_id AND s.label = a.label
    JOIN cut mine ON mine.model = s.model AND mine.label = s.label
    WHERE s.accepted IS NULL AND abs(s.score - s.threshold) < :window
      AND EXISTS (
        SELECT FROM classifications c
        WHERE c.image_id = a.number AND c.model_version_id = mine.version_id AND c.label = a.label
          AND abs(mine.threshold - c.score) = a.rank)
      AND NOT EXISTS (
        SELECT FROM overrides o JOIN cut ON cut.label = o.label AND cut.model = s.model
        WHERE o.product_id = a.product_id AND o.accepted)
      AND NOT EXISTS (
        SELECT FROM product_images own
        JOIN product_images earlier ON earlier.product_id = own.product_id
            AND (earlier.position, earlier.image_id) < (own.position, own.image_id)
        JOIN classifications c ON c.image_id = earlier.image_id AND c.model_version_id = mine.version_id
        WHERE own.product_id = a.product_id AND own.image_id = a.number)
      AND NOT EXISTS (
        SELECT FROM classifications c
        JOIN cut ON cut.version_id = c.model_version_id AND cut.label = c.label
        WHERE c.image_id = a.number AND c.model_version_id = mine.version_id
          AND (abs(cut.threshold - c.score), c.label) < (a.rank, a.label)
          AND NOT EXISTS (SELECT FROM overrides o WHERE o.product_id = a.product_id AND o.label = c.label))
    ORDER BY a.place, s.model
"""

_DISAGREEING = f"""
    SELECT a.place, a.product_id, v.model, v.label,
           (SELECT pi.image_id FROM product_images pi WHERE pi.product_id = a.product_id
            ORDER BY pi.position, pi.image_id LIMIT 1) AS image_id, NULL AS aspect, NULL AS feed, NULL AS photo,
           v.disagreement AS confidence
    FROM {_ASKED}
    JOIN product_verdicts v ON v.product_id = a.product_id
    WHERE v.origin = 'model' AND v.disagreeing > 0
    ORDER BY a.place, v.model
"""

# Each product at the photo that shows its verdict best, its colour at the best of all classifiers'. What cannot differ,
# which is most, is left out before.
_MISMATCH = f"""
    WITH asked AS MATERIALIZED (
        SELECT a.* FROM {_ASKED}
        JOIN products p ON p.id = a.product_id
        WHERE EXISTS (SELECT FROM photo_facts f WHERE f.image_id = a.number)
           OR EXISTS (
            SELECT FROM model_versions m
            LEFT JOIN taxonomy t ON t.model_name = m.name AND t.label = a.label
            WHERE m.state = 'serving' AND m.task = 'classify' AND a.label = ANY(m.labels)
              AND plain_category(p.category) <> plain_category(coalesce(t.category, a.label))))
    SELECT a.place, a.product_id, u.model, u.label, a.number AS image_id, u.aspect, u.feed, u.photo, u.confidence
    FROM asked a
    CROSS JOIN LATERAL (SELECT * FROM product_mismatches WHERE product_id = a.product_id OFFSET 0) u
    JOIN product_verdicts v ON v.product_id = a.product_id AND v.label = a.label
    JOIN serving_versions m ON m.name = v.model
    WHERE u.origin = 'model' AND (u.aspect = 'colour' OR u.model = v.model)
      AND EXISTS (
        SELECT FROM classifications c
        WHERE c.image_id = a.number AND c.model_version_id = m.id AND c.label = a.label AND -c.score = a.rank)
      AND NOT EXISTS (
        SELECT FROM product_verdicts w
        JOIN serving_versions o ON o.name = w.model
        JOIN product_images pi ON pi.product_id = w.product_id
        JOIN classifications c ON c.image_id = pi.image_id AND c.model_version_id = o.id AND c.label = w.label
        WHERE w.product_id = a.product_id AND (w.model = v.model OR u.aspect = 'colour') AND c.score >= w.threshold
          AND (-c.score, c.image_id, w.model) < (a.rank, a.number, v.model))
    ORDER BY a.place, u.aspect
"""

BELONGING = {
    Kind.UNCERTAIN: sa.text(_UNCERTAIN),
    Kind.DISAGREEING: sa.text(_DISAGREEING),
    Kind.MISMATCH: sa.text(_MISMATCH),
}
"""Of candidates those that belong in the queue, by their place among them, from 1."""
