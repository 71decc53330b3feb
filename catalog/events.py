"""What happened, as deliveries to the webhooks that listen.

They are rows of the transaction in which it happens or is seen, so that each is told, and none that did not happen.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING

import sqlalchemy as sa

from catalog import places, thresholds
from catalog.outcomes import Stored
from models.predictions import Classification, Detections, Embedding, Facts, Prediction, Segmentation

if TYPE_CHECKING:
    from catalog.versions import Version


class Event(StrEnum):
    """What a webhook may be told of."""

    JOB_DONE = "job.done"
    JOB_FAILED = "job.failed"
    VERSION_PROMOTED = "version.promoted"
    LABEL_SEEN = "label.seen"


def version_promoted(connection: sa.Connection, version: Version, retired: Version | None) -> None:
    """A version serves, in place of the one that is retired."""
    payload = {
        "model": version.key,
        "name": version.name,
        "version": version.version,
        "task": version.task,
        "retired": retired and retired.key,
    }
    connection.execute(_PROMOTED, {"version_id": version.id, "payload": json.dumps(payload)})


_PROMOTED = sa.text(
    """
    INSERT INTO webhook_deliveries (webhook_id, event, key, payload)
    SELECT id, 'version.promoted', 'version ' || :version_id || ' ' || extract(epoch FROM now()),
           CAST(:payload AS jsonb)
    FROM webhooks WHERE 'version.promoted' = ANY(events) FOR KEY SHARE
    ON CONFLICT DO NOTHING
    """
)


def end_jobs(connection: sa.Connection) -> int:
    """Mark the jobs that are over as ended, and tell of it; returns how many."""
    over = list(connection.scalars(_LOCK_OVER))
    if not over:
        return 0
    ended = list(connection.scalars(_END, {"jobs": over}))
    connection.execute(_TELL_ENDED, {"jobs": ended})
    return len(ended)


def reopen_jobs(connection: sa.Connection, job_ids: Iterable[int]) -> None:
    """There is work again in these jobs, so that their end is told anew.

    To be called after the items were opened under a share of the job's key, as the foreign key takes it: `end_jobs`
    passes over such jobs, or has ended them before.
    """
    connection.execute(_REOPEN, {"jobs": list(job_ids)})


# Ordered and limited, so that an index answers for each job even when the statistics are old.
_OVER = """
    j.closed_at IS NOT NULL AND j.ended_at IS NULL
    AND (SELECT true FROM work_items w WHERE w.job_id = j.id AND w.state IN ('pending', 'retry')
         ORDER BY w.next_attempt_at LIMIT 1) IS NULL
    AND (SELECT true FROM work_items w WHERE w.job_id = j.id AND w.state = 'leased'
         ORDER BY w.lease_expires_at LIMIT 1) IS NULL
"""

_LOCK_OVER = sa.text(f"SELECT j.id FROM jobs j WHERE {_OVER} ORDER BY j.id FOR UPDATE SKIP LOCKED")

# Looked at again: what was committed before the lock was taken is seen by this statement only.
_END = sa.text(
    f"UPDATE jobs j SET ended_at = now() WHERE j.id = ANY(CAST(:jobs AS bigint[])) AND {_OVER} RETURNING j.id"
)

_REOPEN = sa.text(
    "UPDATE jobs SET ended_at = NULL WHERE id = ANY(CAST(:jobs AS bigint[])) AND ended_at IS NOT NULL"
)

# Items are counted where a webhook listens only. One that was added when all was over already is not told of it.
_TELL_ENDED = sa.text(
    """
    INSERT INTO webhook_deliveries (webhook_id, event, key, payload)
    SELECT w.id, e.event, 'job ' || e.job_id || ' ' || extract(epoch FROM e.ended_at), e.payload
    FROM (
        SELECT p.job_id, j.ended_at,
               CASE WHEN p.state = 'failed' OR (p.state = 'finished' AND p.done = 0 AND p.quarantined > 0)
                    THEN 'job.failed' ELSE 'job.done' END AS event,
               greatest(j.closed_at, p.last_finished_at) AS over_at,
               jsonb_build_object(
                   'job_id', p.job_id, 'kind', p.kind, 'subject', p.subject, 'state', p.state, 'items', p.items,
                   'done', p.done, 'quarantined', p.quarantined, 'cancelled', p.cancelled,
                   'created_at', p.created_at, 'ended_at', j.ended_at, 'summary', j.summary) AS payload
        FROM job_progress p JOIN jobs j ON j.id = p.job_id
        WHERE p.job_id = ANY(CAST(:jobs AS bigint[]))
          AND EXISTS (SELECT FROM webhooks WHERE events && ARRAY['job.done', 'job.failed'])
    ) e
    JOIN webhooks w ON e.event = ANY(w.events) AND w.created_at <= e.over_at
    ORDER BY e.job_id, w.id FOR KEY SHARE OF w
    ON CONFLICT DO NOTHING
    """
)


def labels_seen(connection: sa.Connection, stored: Sequence[Stored]) -> None:
    """Watched labels that serving versions gave to photos of products, above their threshold: each once a photo."""
    given = [(result.key, label, score) for result in stored for label, score in _labels(result.prediction)]
    watched = set(connection.scalars(_WATCHED)) if given else set()
    if hits := [hit for hit in given if hit[1] in watched]:
        parameters = {
            "image_ids": [key.image_id for key, _, _ in hits],
            "version_ids": [key.model_version_id for key, _, _ in hits],
            "labels": [label for _, label, _ in hits],
            "scores": [float(score) for _, _, score in hits],
        }
        connection.execute(_TELL_SEEN, parameters)


def _labels(prediction: Prediction) -> list[tuple[str, float]]:
    match prediction:
        case Classification(found) | Detections(found) | Segmentation(segments=found):
            return [(one.label, one.score) for one in found]
        case Embedding() | Facts():
            return []


# Every settlement asks this.
_WATCHED = sa.text("SELECT DISTINCT unnest(labels) FROM webhooks WHERE 'label.seen' = ANY(events)")

# Ordered, so that two who tell of the same photos do not wait for each other.
_TELL_SEEN = sa.text(
    f"""
    INSERT INTO webhook_deliveries (webhook_id, event, key, payload)
    SELECT w.id, 'label.seen', 'photo ' || s.image_id || ' ' || s.label,
           jsonb_build_object(
               'image_id', s.image_id, 'label', s.label, 'score', s.score, 'model', s.model,
               'skus', ARRAY(SELECT p.sku FROM product_images pi JOIN products p ON p.id = pi.product_id
                             WHERE pi.image_id = s.image_id ORDER BY p.sku))
    FROM (
        SELECT DISTINCT ON (h.image_id, h.label) h.image_id, h.label, h.score, m.name || '@' || m.version AS model
        FROM unnest(CAST(:image_ids AS bigint[]), CAST(:version_ids AS bigint[]), CAST(:labels AS text[]),
                    CAST(:scores AS real[])) h (image_id, model_version_id, label, score)
        JOIN model_versions m ON m.id = h.model_version_id AND m.state = 'serving'
        {thresholds.joined("h")}
        WHERE {thresholds.counts("h")}
          AND {places.is_shown("h.image_id")}
        ORDER BY h.image_id, h.label, h.score DESC
    ) s
    JOIN webhooks w ON 'label.seen' = ANY(w.events) AND s.label = ANY(w.labels)
    ORDER BY s.image_id, s.label, w.id FOR KEY SHARE OF w
    ON CONFLICT DO NOTHING
    """
)
