"""What a job found, in a few lines: enough to see whether a model is worth running over everything."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from catalog import thresholds


@dataclass(frozen=True, slots=True)
class Found:
    """A label that the job's versions gave, to how many photos, with which mean of its best scores."""

    model: str
    label: str
    photos: int
    score: float


def found_by_job(connection: sa.Connection, job_id: int, limit: int = 12) -> list[Found]:
    """The commonest labels: best label of a classification, boxes and masks above the model's threshold."""
    rows = connection.execute(_FOUND, {"job_id": job_id, "limit": limit})
    return [Found(row.model, row.label, row.photos, row.score) for row in rows]


_FOUND = sa.text(
    f"""
    WITH mine AS (SELECT image_id, model_version_id FROM work_items WHERE job_id = :job_id AND state = 'done'),
    labels AS (
        SELECT image_id, model_version_id, label, score
        FROM mine JOIN classifications USING (image_id, model_version_id) WHERE rank = 1
        UNION ALL
        SELECT image_id, model_version_id, label, max(score)
        FROM mine JOIN detections USING (image_id, model_version_id) GROUP BY 1, 2, 3
        UNION ALL
        SELECT image_id, model_version_id, label, score
        FROM mine JOIN segments USING (image_id, model_version_id)
    )
    SELECT m.name || '@' || m.version AS model, l.label, count(*) AS photos, avg(l.score)::float8 AS score
    FROM labels l JOIN model_versions m ON m.id = l.model_version_id
    {thresholds.joined("l")}
    WHERE m.task = 'classify' OR {thresholds.counts("l")}
    GROUP BY 1, 2 ORDER BY photos DESC, label LIMIT :limit
    """
)
