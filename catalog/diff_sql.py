"""The statements of a comparison. Sets all the way, so that millions of photos take seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from catalog import thresholds
from catalog.filters import Filter
from models.predictions import Task

RESIZED = 0.1
"""A label's area has changed when it moved by more than this share of the photo."""

PHOTOS = """
    SELECT count(*) FILTER (WHERE old) AS old, count(*) FILTER (WHERE new) AS new,
           count(*) FILTER (WHERE old AND new) AS both
    FROM (
        SELECT bool_or(w.model_version_id = :old) AS old, bool_or(w.model_version_id = :new) AS new
        FROM work_items w
        WHERE w.model_version_id IN (:old, :new) AND w.state = 'done' AND {meant} GROUP BY w.image_id
    ) done
"""

# Products with the photos that both have done.
_COMPARED = """
    WITH compared AS MATERIALIZED (
        SELECT pi.product_id, pi.image_id
        FROM work_items a
        JOIN work_items b ON b.image_id = a.image_id AND b.model_version_id = :new AND b.state = 'done'
        JOIN product_images pi ON pi.image_id = a.image_id
        JOIN products q ON q.id = pi.product_id
        WHERE a.model_version_id = :old AND a.state = 'done' AND {meant}
    )
"""

# `place` is the photo, or 0 for all photos of the product together. An amount changed that moved by more than `step`.
_CHANGES = f"""
    , said AS (
        SELECT c.product_id, {{place}} AS place, s.model_version_id = :new AS new, s.label, {{amount}} AS amount,
               max(s.score) AS score
        FROM compared c JOIN {{table}} s ON s.image_id = c.image_id AND s.model_version_id IN (:old, :new)
        JOIN model_versions m ON m.id = s.model_version_id {thresholds.joined("s")}
        WHERE {thresholds.counts("s")} GROUP BY 1, 2, 3, 4
    ), labels AS MATERIALIZED (
        SELECT product_id, place, label,
               max(amount) FILTER (WHERE NOT new) AS before, max(amount) FILTER (WHERE new) AS after,
               max(score) FILTER (WHERE NOT new) AS score_before, max(score) FILTER (WHERE new) AS score_after
        FROM said GROUP BY 1, 2, 3
    ), changes AS MATERIALIZED (
        SELECT *, CASE WHEN {{step}} > 0 AND before IS NOT NULL AND after IS NOT NULL THEN 'resized'
                       WHEN coalesce(after, 0) > coalesce(before, 0) THEN 'gained' ELSE 'lost' END AS kind
        FROM labels WHERE before IS NULL OR after IS NULL OR abs(after - before) > {{step}}
    )
"""

DIFF = """
    , moved AS MATERIALIZED (
        SELECT product_id, place, max(label) FILTER (WHERE kind = 'lost') AS lost,
               max(label) FILTER (WHERE kind = 'gained') AS gained,
               max(score_before) FILTER (WHERE kind = 'lost') AS score_before,
               max(score_after) FILTER (WHERE kind = 'gained') AS score_after,
               count(*) = 2 AND count(DISTINCT kind) = 2 AND bool_and(kind <> 'resized') AS swapped
        FROM changes GROUP BY 1, 2
    ), flows AS (
        SELECT lost AS before, gained AS after, score_before, score_after FROM moved WHERE swapped
        UNION ALL
        SELECT CASE WHEN kind <> 'gained' THEN label END, CASE WHEN kind <> 'lost' THEN label END,
               c.score_before, c.score_after
        FROM changes c JOIN moved m USING (product_id, place) WHERE NOT m.swapped
    ), products_compared AS MATERIALIZED (
        SELECT c.product_id, p.category, changed.place
        FROM (SELECT DISTINCT product_id FROM compared) c JOIN products p ON p.id = c.product_id
        LEFT JOIN (SELECT product_id, min(place) AS place FROM changes GROUP BY 1) changed USING (product_id)
    ), told AS (
        SELECT before, after, count(*) AS count, avg(score_before) AS score_before, avg(score_after) AS score_after
        FROM flows GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2 LIMIT :flows
    ), categories AS (
        SELECT category, count(*) AS compared, count(place) AS changed
        FROM products_compared GROUP BY 1 ORDER BY 3 DESC, 2 DESC, 1
    ), drawn AS (
        SELECT product_id, place AS image_id FROM (
            SELECT *, row_number() OVER (PARTITION BY category ORDER BY md5(product_id::text)) AS turn,
                   count(*) OVER (PARTITION BY category) AS size
            FROM products_compared WHERE place IS NOT NULL
        ) changed ORDER BY turn, size DESC, category LIMIT :limit
    )
    SELECT (SELECT count(*) FROM products_compared) AS compared,
           (SELECT count(place) FROM products_compared) AS changed,
           (SELECT avg(score_before) FROM labels) AS score_before,
           (SELECT avg(score_after) FROM labels) AS score_after,
           (SELECT json_agg(c) FROM categories c) AS categories,
           (SELECT json_agg(t) FROM told t) AS flows,
           (SELECT json_agg(d) FROM drawn d) AS examples
"""


@dataclass(frozen=True, slots=True)
class _Kind:
    """How a task's rows are compared."""

    table: str
    place: str
    amount: str
    step: str


_KINDS: Mapping[Task, _Kind] = {
    "classify": _Kind("classifications", "0", "1", "0"),
    "detect": _Kind("detections", "c.image_id", "count(*)", "0"),
    "segment": _Kind("segments", "c.image_id", "max(s.area)", str(RESIZED)),
}


def compared(products: Filter) -> tuple[str, dict[str, object]]:
    """The common table expression `compared`, of `products` only, and its parameters."""
    meant, parameters = products.of_sku("q.sku")
    return _COMPARED.format(meant=meant), parameters


def label_statement(task: Task, products: Filter) -> tuple[str, dict[str, object]]:
    """What `DIFF` stands on: the labels of each product, or photo, and those that changed."""
    start, parameters = compared(products)
    kind = _KINDS[task]
    changes = _CHANGES.format(table=kind.table, place=kind.place, amount=kind.amount, step=kind.step)
    return f"{start} {changes}", parameters
