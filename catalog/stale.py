"""Photos that lack a version's results, or are to get them again: how many there are, and jobs for them."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from catalog import jobs
from catalog.filters import Filter
from catalog.ledger import Lane
from catalog.ledger_sql import ANEW, GIVEN_UP


def plan(
    connection: sa.Connection,
    version_id: int,
    subject: str,
    skus: Sequence[str] = (),
    limit: int | None = None,
    *,
    products: Filter | None = None,
    lane: Lane = "backlog",
    again: bool = False,
) -> tuple[int, int]:
    """A job that runs one model version over photos that are there and lack it: (job id, new work items).

    `skus` and `products` narrow it to the photos of these; `limit` to the first so many photos. `again`: over photos
    that have it, those done longest ago first; what is stored stays until the new results take its place.
    """
    job_id = jobs.create(connection, "process", subject, lane)
    if again:
        added = _reopen(connection, job_id, version_id, skus, limit, products or Filter())
    else:
        added = add(connection, job_id, [version_id], skus, limit, products=products)
    jobs.close(connection, job_id, {"photos": added})
    return job_id, added


def add(
    connection: sa.Connection,
    job_id: int,
    version_ids: Sequence[int],
    skus: Sequence[str] = (),
    limit: int | None = None,
    *,
    products: Filter | None = None,
) -> int:
    """Add the photos that are there and lack a version to a job, as `plan`; returns how many items."""
    meant, parameters = (products or Filter()).of_image("i.id")
    narrowed = {"job_id": job_id, "version_ids": list(version_ids), "skus": list(skus), "limit": limit}
    statement = sa.text(_PLAN_EXISTING.format(stale=_STALE.format(meant=meant)))
    return connection.execute(statement, {**parameters, **narrowed}).rowcount


def _reopen(
    connection: sa.Connection,
    job_id: int,
    version_id: int,
    skus: Sequence[str],
    limit: int | None,
    products: Filter,
) -> int:
    meant, parameters = products.of_image("w.image_id")
    narrowed = {"job_id": job_id, "version_id": version_id, "skus": list(skus), "limit": limit}
    return connection.execute(sa.text(_REOPEN.format(meant=meant)), {**parameters, **narrowed}).rowcount


def waiting(connection: sa.Connection, version_id: int, products: Filter | None = None) -> int:
    """How many photos some job will run the version over; of `products` only."""
    meant, parameters = (products or Filter()).of_image("w.image_id")
    query = f"""
        SELECT count(*) FROM work_items w
        WHERE w.model_version_id = :version_id AND w.state IN ('pending', 'retry', 'leased') AND {meant}
    """
    return int(connection.scalar(sa.text(query), {**parameters, "version_id": version_id}) or 0)


def count(connection: sa.Connection, version_id: int, products: Filter | None = None) -> tuple[int, int]:
    """(photos, those of them that `plan` would run the version over); both of `products` only."""
    meant, parameters = (products or Filter()).of_image("i.id")
    photos = connection.scalar(sa.text(f"SELECT count(*) FROM images i WHERE {meant}"), parameters)
    found = sa.text(f"SELECT count(*) {_STALE.format(meant=meant)}")
    lacking = connection.scalar(found, {**parameters, "version_ids": [version_id], "skus": []})
    return int(photos or 0), int(lacking or 0)


_OF_SKUS = """
    (cardinality(CAST(:skus AS text[])) = 0 OR EXISTS (
        SELECT FROM product_images pi JOIN products p ON p.id = pi.product_id
        WHERE pi.image_id = {image} AND p.sku = ANY(CAST(:skus AS text[]))))
"""

# Photos that a version has not seen, and is not about to see. Locked in the order in which an ingest plans.
_STALE = f"""
    FROM images i CROSS JOIN unnest(CAST(:version_ids AS bigint[])) v (id)
    WHERE NOT EXISTS (SELECT FROM work_items w WHERE w.image_id = i.id AND w.model_version_id = v.id
                      AND NOT {GIVEN_UP.format(item="w")})
      AND {_OF_SKUS.format(image="i.id")}
      AND {{meant}}
"""

_PLAN_EXISTING = f"""
    INSERT INTO work_items (image_id, model_version_id, job_id)
    SELECT i.id, v.id, :job_id {{stale}}
    ORDER BY i.id, v.id LIMIT :limit
    {ANEW}
"""

# Nobody holds what is done, so no lease and no token is touched.
_REOPEN = f"""
    WITH again AS (
        SELECT w.image_id, w.model_version_id FROM work_items w
        WHERE w.model_version_id = :version_id AND w.state = 'done' AND {_OF_SKUS.format(image="w.image_id")}
          AND {{meant}}
        ORDER BY w.finished_at, w.image_id LIMIT :limit FOR UPDATE
    )
    UPDATE work_items w SET job_id = :job_id, state = 'pending', attempts = 0, losses = 0, deferrals = 0,
           next_attempt_at = now(), published_at = NULL, error_code = NULL, error_reason = NULL, finished_at = NULL
    FROM again WHERE (w.image_id, w.model_version_id) = (again.image_id, again.model_version_id)
"""
