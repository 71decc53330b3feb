"""Cut-offs for a wanted precision, from people's word and stored scores: nothing is computed anew."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from catalog import versions
from catalog.errors import BadThreshold
from catalog.review import cutoffs, precision
from catalog.review.precision import BANDS, Review, Stretch
from catalog.versions import Version


@dataclass(frozen=True, slots=True)
class Fit:
    """A label's fit. `cut_off` is None where no cut-off can be promised; `reason` then says what is missing.

    `reviews` are those at or above the cut-off; `precision` is what they say of the catalog's photos there, `bound`
    what it is at least; `coverage` the share of right photos that keep the label. `before` and `after` count photos
    that show it.
    """

    label: str
    reviewed: int
    cut_off: float | None
    reviews: int = 0
    precision: float | None = None
    bound: float | None = None
    coverage: float | None = None
    before: int = 0
    after: int = 0
    reason: str | None = None


def fit(connection: sa.Connection, model: str, target: float, labels: Sequence[str] = ()) -> list[Fit]:
    """For each of `labels`, or all of the serving version, the lowest cut-off that keeps precision `target` (0 to 1).

    Nothing is changed. Raises UnknownModel, UnknownLabel, BadThreshold.
    """
    if not 0 < target < 1:
        raise BadThreshold(f"a precision lies between 0 and 1, such as 0.95; {target:g} cannot be promised")
    version = _classifier(connection, model)
    wanted = list(dict.fromkeys(labels)) or list(version.spec["labels"])
    cutoffs.check(connection, version.name, wanted)
    reviews = _reviews(connection, version)
    bands = _bands(connection, version, wanted)
    found = {label: precision.widest(reviews[label], target, bands[label]) for label in wanted}
    photos = _photos(connection, version, {label: one.cut_off for label, one in found.items() if one})
    return [
        _reached(label, reviews[label], bands[label], stretch, *photos[label])
        if (stretch := found[label])
        else _missed(label, reviews[label], bands[label], target)
        for label in wanted
    ]


def apply(connection: sa.Connection, model: str, target: float, fits: Sequence[Fit]) -> int:
    """Let the cut-offs that were found count, at once; returns how many. Labels without one keep theirs."""
    reached = [one for one in fits if one.cut_off is not None]
    columns = {
        "labels": [one.label for one in reached],
        "cut_offs": [one.cut_off for one in reached],
        "reviews": [one.reviews for one in reached],
    }
    connection.execute(_APPLY, {**columns, "model": model, "target": target})
    return len(reached)


def _classifier(connection: sa.Connection, model: str) -> Version:
    version = versions.find(connection, model)
    if version.task != "classify":
        raise BadThreshold(
            f"{version.key} does {version.task}; people's word is on labels of products, so classifiers alone are "
            f"fitted. Set its cut-offs with `tagmill thresholds set {version.name}`"
        )
    if version.state != "serving":
        raise BadThreshold(
            f"{version.key} is {version.state}; cut-offs are fitted to the version that serves"
        )
    return version


def _reviews(connection: sa.Connection, version: Version) -> defaultdict[str, list[Review]]:
    parameters = {"version_id": version.id, "labels": list(version.spec["labels"])}
    found: defaultdict[str, list[Review]] = defaultdict(list)
    for label, score, right in connection.execute(_REVIEWS, parameters):
        found[label].append((score, right))
    return found


def _photos(
    connection: sa.Connection, version: Version, wanted: dict[str, float]
) -> dict[str, tuple[int, int]]:
    parameters = {
        "version_id": version.id,
        "model": version.name,
        "labels": list(wanted),
        "cut_offs": list(wanted.values()),
    }
    return {label: (before, after) for label, before, after in connection.execute(_PHOTOS, parameters)}


def _bands(
    connection: sa.Connection, version: Version, labels: Sequence[str]
) -> defaultdict[str, Counter[int]]:
    """Photos of each label by band of scores."""
    found: defaultdict[str, Counter[int]] = defaultdict(Counter)
    parameters = {"version_id": version.id, "labels": list(labels), "bands": BANDS}
    for label, number, count in connection.execute(_BANDS, parameters):
        found[label][number] = count
    return found


def _reached(
    label: str, reviews: Sequence[Review], bands: Counter[int], stretch: Stretch, before: int, after: int
) -> Fit:
    *_, last = precision.stretches(reviews, bands)
    return Fit(
        label,
        len(reviews),
        stretch.cut_off,
        stretch.reviews,
        stretch.precision,
        stretch.bound,
        stretch.right / last.right,
        before,
        after,
    )


def _missed(label: str, reviews: Sequence[Review], bands: Counter[int], target: float) -> Fit:
    least, right = precision.needed(target), sum(good for _, good in reviews)
    best = max(precision.stretches(reviews, bands), key=lambda one: one.bound, default=None)
    if right < least or best is None:
        reason = f"{right:,} reviews say it is right; it takes {least:,} at least"
    else:
        reason = (
            f"at best {best.bound:.1%} can be promised, from {best.cut_off:.3f} on {best.reviews:,} reviews"
        )
    return Fit(label, len(reviews), None, reason=reason)


# A product's score is that of its best photo, as the view `product_tags` shows a label that one photo has. An accepted
# label turns the others of the same classifier down, unless a person spoke of them, too: its labels exclude each other.
_REVIEWS = sa.text(
    """
    SELECT c.label, CAST(max(c.score) AS float8) AS score, coalesce(word.accepted, false) AS right
    FROM (SELECT product_id, bool_or(accepted) AS settled FROM overrides
          WHERE label = ANY(:labels) GROUP BY product_id) reviewed
    JOIN product_images pi ON pi.product_id = reviewed.product_id
    JOIN classifications c ON c.image_id = pi.image_id AND c.model_version_id = :version_id
    LEFT JOIN overrides word ON word.product_id = reviewed.product_id AND word.label = c.label
    WHERE reviewed.settled OR word.accepted IS NOT NULL
    GROUP BY reviewed.product_id, c.label, word.accepted
    """
)

_BANDS = sa.text(
    """
    SELECT label, CAST(least(floor(CAST(score AS float8) * :bands), :bands - 1) AS int) AS number, count(*)
    FROM classifications
    WHERE label = ANY(:labels) AND model_version_id = :version_id GROUP BY 1, 2
    """
)

_PHOTOS = sa.text(
    """
    SELECT wanted.label, shown.before, shown.after
    FROM unnest(CAST(:labels AS text[]), CAST(:cut_offs AS real[])) wanted (label, cut_off)
    LEFT JOIN thresholds own ON own.model_name = :model AND own.label = wanted.label
    LEFT JOIN thresholds general ON general.model_name = :model AND general.label = ''
    CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE c.score >= coalesce(own.threshold, general.threshold, 0.5)) AS before,
               count(*) FILTER (WHERE c.score >= wanted.cut_off) AS after
        FROM classifications c
        WHERE c.label = wanted.label AND c.model_version_id = :version_id
          AND c.score >= least(wanted.cut_off, coalesce(own.threshold, general.threshold, 0.5))
    ) shown
    """
)

_APPLY = sa.text(
    """
    INSERT INTO thresholds (model_name, label, threshold, target_precision, reviews, fitted_at)
    SELECT :model, label, cut_off, :target, reviews, now()
    FROM unnest(CAST(:labels AS text[]), CAST(:cut_offs AS real[]), CAST(:reviews AS int[])) f (label, cut_off, reviews)
    ON CONFLICT (model_name, label) DO UPDATE
        SET threshold = excluded.threshold, updated_at = now(), target_precision = excluded.target_precision,
            reviews = excluded.reviews, fitted_at = now()
    """
)
