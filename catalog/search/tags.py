"""Products by their tags, as the view `product_tags` has them: versions that serve, thresholds, people's word.

The cut-offs of the labels that are asked for are read first; the scores from there on then lie together in an index.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from catalog.search.statements import ids, statement

# The cut-offs are looked at for rows that have a label only: most have none. `p` in the innermost condition keeps the
# planner from reading all products with the tag first.
HAS = """(EXISTS (
    SELECT FROM product_images ti
    JOIN classifications tc ON tc.image_id = ti.image_id AND tc.label = ANY(CAST(:tags AS text[]))
    WHERE ti.product_id = p.id
      AND EXISTS (SELECT FROM unnest(CAST(:tag_versions AS bigint[]), CAST(:tag_labels AS text[]),
                                     CAST(:tag_cuts AS real[])) cut (version, label, score)
                  WHERE cut.version = tc.model_version_id AND cut.label = tc.label AND tc.score >= cut.score OFFSET 0)
      AND NOT EXISTS (SELECT FROM overrides o WHERE o.product_id = p.id AND o.label = tc.label))
OR EXISTS (SELECT FROM overrides o
           WHERE o.product_id = p.id AND o.label = ANY(CAST(:tags AS text[])) AND o.accepted))"""
"""True where the product `p` has any of the tags; its parameters are `Cuts.parameters`."""


@dataclass(frozen=True, slots=True)
class Cuts:
    """Labels, and the score from which each counts for each version that serves and may give it."""

    labels: tuple[str, ...]
    cuts: tuple[tuple[int, str, float], ...]

    def of(self, labels: Sequence[str]) -> Cuts:
        """Those of some of the labels."""
        return Cuts(tuple(labels), tuple(cut for cut in self.cuts if cut[1] in labels))

    @property
    def parameters(self) -> dict[str, object]:
        return {
            "tags": list(self.labels),
            "tag_versions": [version_id for version_id, _, _ in self.cuts],
            "tag_labels": [label for _, label, _ in self.cuts],
            "tag_cuts": [score for _, _, score in self.cuts],
        }


NONE = Cuts((), ())


def cuts(connection: sa.Connection, labels: Sequence[str]) -> Cuts:
    """As thresholds are now."""
    rows = connection.execute(_CUTS, {"labels": list(labels)}) if labels else ()
    return Cuts(tuple(labels), tuple((row.id, row.label, row.cut) for row in rows))


def are_rare(connection: sa.Connection, wanted: Cuts, most: int) -> bool:
    """Whether at most `most` photos and people's words have any of the labels: then at most so many products do."""
    return bool(connection.scalar(_ARE_RARE, {**_renamed(wanted), "most": most}))


def surest(
    connection: sa.Connection,
    wanted: Cuts,
    limit: int,
    pool: int | None = None,
    *,
    own: str = "true",
    looked_up: str = "true",
    parameters: Mapping[str, object] | None = None,
) -> list[int]:
    """Products with any of the labels, best score first. Of each label the best `pool` rows are read.

    `own` and `looked_up` are conditions as in `chosen.Where`: the second is looked at for the best `pool` products.
    """
    if not wanted.labels:
        return []
    joined = "" if own == "true" else "JOIN products p ON p.id = sure.product_id"
    query = statement(_SUREST, joined=joined, own=own, looked_up=looked_up)
    given = {**(parameters or {}), **_renamed(wanted), "limit": limit, "pool": pool or limit}
    return ids(connection, query, given)


def reasons(
    connection: sa.Connection, wanted: Cuts, product_ids: Sequence[int]
) -> Sequence[sa.Row[tuple[int, str, float, bool]]]:
    """(product_id, label, score, person) of these products, their best first."""
    if not wanted.labels or not product_ids:
        return []
    return connection.execute(_REASONS, {**_renamed(wanted), "ids": list(product_ids)}).all()


def _renamed(wanted: Cuts) -> dict[str, object]:
    """Beside a filter by other tags."""
    return {f"wanted_{name}": value for name, value in wanted.parameters.items()}


_CUTS = sa.text(
    """
    SELECT m.id, asked.label, coalesce(own.threshold, general.threshold, 0.5) AS cut
    FROM serving_versions m CROSS JOIN unnest(CAST(:labels AS text[])) asked (label)
    LEFT JOIN thresholds own ON own.model_name = m.name AND own.label = asked.label
    LEFT JOIN thresholds general ON general.model_name = m.name AND general.label = ''
    WHERE m.task = 'classify'
    """
)

_ASKED = """unnest(CAST(:wanted_tag_versions AS bigint[]), CAST(:wanted_tag_labels AS text[]),
                CAST(:wanted_tag_cuts AS real[])) cut (version, label, score)"""

# An index alone tells.
_ARE_RARE = sa.text(
    f"""
    SELECT count(*) <= :most FROM (
        SELECT FROM {_ASKED} JOIN classifications c
            ON c.label = cut.label AND c.model_version_id = cut.version AND c.score >= cut.score
        UNION ALL SELECT FROM overrides WHERE label = ANY(CAST(:wanted_tags AS text[])) AND accepted
        LIMIT :most + 1) found
    """
)

# Several photos of a product may have the label, so fewer products may come than rows are read.
_SUREST = f"""
    SELECT p.id FROM (
        SELECT sure.product_id AS id, max(sure.score) AS score FROM (
            SELECT said.product_id, said.score FROM {_ASKED} CROSS JOIN LATERAL (
                SELECT pi.product_id, c.score FROM classifications c
                JOIN product_images pi ON pi.image_id = c.image_id
                WHERE c.label = cut.label AND c.model_version_id = cut.version AND c.score >= cut.score
                  AND NOT EXISTS (SELECT FROM overrides o WHERE o.product_id = pi.product_id AND o.label = cut.label)
                ORDER BY c.score DESC LIMIT :pool) said
            UNION ALL
            (SELECT product_id, 1.0 FROM overrides
             WHERE label = ANY(CAST(:wanted_tags AS text[])) AND accepted LIMIT :pool)) sure
        {{joined}} WHERE {{own}}
        GROUP BY sure.product_id ORDER BY max(sure.score) DESC, sure.product_id DESC LIMIT :pool) p
    WHERE {{looked_up}} ORDER BY p.score DESC, p.id DESC LIMIT :limit
"""

# OFFSET keeps the planner from reading all photos with a label.
_REASONS = sa.text(
    f"""
    SELECT product_id, label, max(score) AS score, bool_or(person) AS person FROM (
        SELECT pi.product_id, c.label, c.score, false AS person
        FROM product_images pi CROSS JOIN LATERAL (
            SELECT model_version_id, label, score FROM classifications
            WHERE image_id = pi.image_id AND label = ANY(CAST(:wanted_tags AS text[])) OFFSET 0) c
        JOIN {_ASKED} ON c.model_version_id = cut.version AND c.label = cut.label AND c.score >= cut.score
        WHERE pi.product_id = ANY(CAST(:ids AS bigint[]))
          AND NOT EXISTS (SELECT FROM overrides o WHERE o.product_id = pi.product_id AND o.label = cut.label)
        UNION ALL
        SELECT product_id, label, 1.0, true FROM overrides
        WHERE product_id = ANY(CAST(:ids AS bigint[])) AND label = ANY(CAST(:wanted_tags AS text[])) AND accepted) found
    GROUP BY product_id, label ORDER BY product_id, score DESC
    """
)
