"""The view `failures`, by code: how many, of which models, and the newest of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from catalog.advice import ADVICE
from catalog.errors import UnknownCode
from catalog.filters import Filter, parse
from catalog.manifests import shown


@dataclass(frozen=True, slots=True)
class Selection:
    """Which failures are meant; without any of these, all.

    `model` is NAME@VERSION. `where` are conditions on products, see `catalog.filters`.
    """

    job_id: int | None = None
    code: str | None = None
    model: str | None = None
    where: tuple[str, ...] = ()

    @property
    def products(self) -> Filter:
        """Raises BadFilter."""
        return parse(self.where)

    def sql(self) -> tuple[str, dict[str, Any]]:
        """The failures that are meant, as a common table expression `failed`, and its parameters."""
        meant, parameters = self.products.of_sku("f.sku")
        narrowed = {"job_id": self.job_id, "code": self.code, "model": self.model}
        return _FAILED.format(meant=meant), {**parameters, **narrowed}


@dataclass(frozen=True, slots=True)
class Group:
    """All failures of one code: photos in quarantine, each once for all its models and products, and refused rows.

    `reason` is the newest one's; `manifests` are those whose rows were refused, or by which photos in quarantine came.
    `by_url`: a manifest names one of the photos by URL.
    """

    code: str
    failures: int
    stages: tuple[str, ...]
    models: tuple[str, ...]
    manifests: tuple[str, ...]
    reason: str
    newest: datetime | None
    by_url: bool = False


@dataclass(frozen=True, slots=True)
class FailedPhoto:
    """A photo, or a row of a manifest; `image_id` and `object_key` are None where none was taken in.

    Of a photo's jobs and reasons it is the last one, of the products that show it the first by name.
    """

    code: str
    stage: str
    job_id: int
    sku: str | None
    source: str | None
    line: int | None
    reason: str
    attempts: int
    models: Sequence[str]
    failed_at: datetime | None
    image_id: int | None
    object_key: str | None


def check_code(connection: sa.Connection, code: str) -> None:
    """Raises UnknownCode for a code that this release does not know and nothing failed with."""
    if code in ADVICE:
        return
    there = list(connection.scalars(_CODES))
    if code not in there:
        known = f"there are {', '.join(there)}" if there else "nothing failed"
        raise UnknownCode(f"there is no failure code '{shown(code)}': {known}")


def grouped(connection: sa.Connection, selection: Selection) -> list[Group]:
    """The commonest code first."""
    failed, parameters = selection.sql()
    rows = connection.execute(sa.text(f"{failed} {_GROUPED}"), parameters)
    return [Group(**{name: _frozen(value) for name, value in row._mapping.items()}) for row in rows]


def newest(connection: sa.Connection, selection: Selection, limit: int) -> Mapping[str, list[FailedPhoto]]:
    """By code, the newest `limit` failures of each."""
    failed, parameters = selection.sql()
    found: dict[str, list[FailedPhoto]] = {}
    for row in connection.execute(sa.text(f"{failed} {_NEWEST}"), {**parameters, "limit": limit}):
        found.setdefault(row.code, []).append(FailedPhoto(**row._mapping))
    return found


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a photo is in quarantine."""

    image_id: int
    code: str
    reason: str


def of_product(connection: sa.Connection, product_id: int) -> list[Fault]:
    """For each of its photos the last one in quarantine, if any."""
    return [Fault(*row) for row in connection.execute(_OF_PRODUCT, {"product": product_id})]


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


_OF_PRODUCT = sa.text(
    """
    SELECT DISTINCT ON (w.image_id) w.image_id, w.error_code, w.error_reason
    FROM product_images pi JOIN work_items w ON w.image_id = pi.image_id
    WHERE pi.product_id = :product AND w.state = 'quarantined'
    ORDER BY w.image_id, w.finished_at DESC NULLS LAST
    """
)

_CODES = sa.text(
    """
    SELECT error_code FROM work_items WHERE state = 'quarantined'
    UNION SELECT code FROM ingest_errors ORDER BY 1
    """
)

# A photo fails in one job for a version and in another for the next, and many products may show it: it is one failure
# all the same. What has no photo, such as a row of a manifest, is a failure of its job.
_FAILED = """
    WITH failed AS MATERIALIZED (
        SELECT f.code, f.stage, f.image_id, f.line, min(f.sku) AS sku,
               (array_agg(f.source ORDER BY f.sku, f.source))[1] AS source,
               (array_agg(f.reason ORDER BY f.failed_at DESC NULLS LAST))[1] AS reason, max(f.job_id) AS job_id,
               max(f.attempts) AS attempts, max(f.failed_at) AS failed_at,
               coalesce(array_agg(DISTINCT m ORDER BY m) FILTER (WHERE m IS NOT NULL), '{{}}') AS models
        FROM failures f LEFT JOIN LATERAL unnest(f.models) m ON true
        WHERE (CAST(:job_id AS bigint) IS NULL OR f.job_id = :job_id)
          AND (CAST(:code AS text) IS NULL OR f.code = :code)
          AND (CAST(:model AS text) IS NULL OR :model = ANY(f.models))
          AND {meant}
        GROUP BY f.code, f.stage, f.image_id, f.line,
                 CASE WHEN f.image_id IS NULL THEN ROW(f.job_id, f.sku, f.source, f.reason) END
    )
"""

_GROUPED = """
    , named AS (
        SELECT code, array_agg(DISTINCT model ORDER BY model) AS models
        FROM failed CROSS JOIN unnest(models) model GROUP BY code
    ), ingested AS (
        SELECT f.code, array_agg(DISTINCT j.subject ORDER BY j.subject) AS manifests
        FROM failed f JOIN jobs j ON j.id = f.job_id WHERE j.kind = 'ingest' GROUP BY f.code
    )
    SELECT f.code, count(*) AS failures, array_agg(DISTINCT f.stage ORDER BY f.stage) AS stages,
           coalesce(n.models, '{}') AS models, coalesce(i.manifests, '{}') AS manifests,
           coalesce(bool_or(f.source ~* '^https?://'), false) AS by_url,
           (array_agg(f.reason ORDER BY f.failed_at DESC NULLS LAST))[1] AS reason, max(f.failed_at) AS newest
    FROM failed f LEFT JOIN named n ON n.code = f.code LEFT JOIN ingested i ON i.code = f.code
    GROUP BY f.code, n.models, i.manifests ORDER BY failures DESC, f.code
"""

_NEWEST = """
    SELECT f.code, f.stage, f.job_id, f.sku, f.source, f.line, f.reason, f.attempts, f.models, f.failed_at,
           f.image_id, i.object_key
    FROM (
        SELECT *, row_number() OVER (PARTITION BY code ORDER BY failed_at DESC NULLS LAST, sku, line) AS place
        FROM failed
    ) f LEFT JOIN images i ON i.id = f.image_id
    WHERE f.place <= :limit ORDER BY f.code, f.place
"""
